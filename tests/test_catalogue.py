"""What the packaged catalogue of well-known models promises."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CATALOGUE = Path(__file__).parents[1] / "registry" / "catalogue.jsonl"
EVALUATION = Path(__file__).parents[2] / "shared" / "eval"

TASKS = [
    "text-classification",
    "token-classification",
    "text2text-generation",
    "summarization",
    "translation",
    "question-answering",
    "text-generation",
    "fill-mask",
    "sentence-similarity",
    "feature-extraction",
    "zero-shot-classification",
    "table-question-answering",
    "tabular-classification",
    "tabular-regression",
    "image-classification",
    "zero-shot-image-classification",
    "object-detection",
    "zero-shot-object-detection",
    "image-segmentation",
    "mask-generation",
    "depth-estimation",
    "image-to-text",
    "image-to-image",
    "text-to-image",
    "inpainting",
    "unconditional-image-generation",
    "visual-question-answering",
    "document-question-answering",
    "image-text-to-text",
    "text-to-speech",
    "text-to-audio",
    "automatic-speech-recognition",
    "audio-classification",
    "zero-shot-audio-classification",
    "audio-to-audio",
    "voice-activity-detection",
    "text-to-video",
    "image-to-video",
    "video-classification",
    "video-to-text",
]
CONTROLS = {"canny", "depth", "hed", "mlsd", "normal", "openpose", "scribble", "seg"}
FEW_CONTROL_MODELS = {"hed", "mlsd", "normal", "seg"}
"""Controls for which only two checkpoints are well known: lllyasviel's 1.0 and 1.1."""

REQUIRED: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "task": (str,),
    "library": (str,),
    "license": (str, type(None)),
    "languages": (list,),
    "parameters": (int, type(None)),
    "size_bytes": (int, type(None)),
    "gated": (bool,),
    "downloads": (int, type(None)),
    "likes": (int, type(None)),
    "tags": (list,),
    "description": (str,),
}
OPTIONAL: dict[str, tuple[type, ...]] = {"translates": (list,), "base_only": (bool,)}

KEPT_WITH_OPTIMIZER = {"pyannote/segmentation"}
"""Checkpoints whose file also holds the optimiser's state, three numbers a parameter."""

RUN = 8

Row = dict[str, Any]


def read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return read(CATALOGUE)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    """Every run of eight words in a row."""
    found = words(text)
    return {tuple(found[at : at + RUN]) for at in range(len(found) - RUN + 1)}


def texts(value: object) -> Iterator[str]:
    """Every string inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def test_the_catalogue_holds_at_least_two_hundred_models(rows: list[Row]) -> None:
    assert len(rows) >= 200


def test_every_task_type_has_at_least_three_models_to_choose_from(rows: list[Row]) -> None:
    held = Counter(row["task"] for row in rows)
    assert {task: held[task] for task in TASKS if held[task] < 3} == {}


def test_every_picture_control_has_models_and_most_have_three(rows: list[Row]) -> None:
    held = Counter(row["task"] for row in rows)
    few = {control for control in CONTROLS if held[f"{control}-text-to-image"] < 3}
    assert few == FEW_CONTROL_MODELS
    assert all(held[f"{control}-text-to-image"] == 2 for control in few)


def test_no_model_is_of_a_task_type_that_does_not_exist(rows: list[Row]) -> None:
    known = {
        *TASKS,
        *(f"{kind}-control" for kind in ("hed", "mlsd", "openpose")),
        *(f"{kind}-text-to-image" for kind in CONTROLS),
    }
    assert {row["task"] for row in rows} - known == set()


def test_rows_are_sorted_by_task_and_then_by_id(rows: list[Row]) -> None:
    order = [(row["task"], row["id"]) for row in rows]
    assert order == sorted(order)


def test_each_model_stands_in_the_catalogue_once(rows: list[Row]) -> None:
    # The Hub's ids differ by more than case.
    held = Counter(row["id"].lower() for row in rows)
    assert [name for name, times in held.items() if times > 1] == []


def test_every_id_is_an_owner_and_a_name(rows: list[Row]) -> None:
    shape = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
    assert [row["id"] for row in rows if not shape.fullmatch(row["id"])] == []


def test_every_row_has_exactly_the_agreed_fields_in_their_types(rows: list[Row]) -> None:
    for row in rows:
        types = REQUIRED | {name: kinds for name, kinds in OPTIONAL.items() if name in row}
        assert set(row) == set(types), row["id"]
        assert {name for name in row if type(row[name]) not in types[name]} == set(), row["id"]


def test_languages_are_two_letter_codes_or_multilingual_first(rows: list[Row]) -> None:
    for row in rows:
        languages = row["languages"]
        rest = languages[1:] if languages[:1] == ["multilingual"] else languages
        assert all(re.fullmatch(r"[a-z]{2}", language) for language in rest), row["id"]
        assert len(set(languages)) == len(languages), row["id"]


def test_licences_and_libraries_are_spelled_as_on_the_hub_in_small_letters(
    rows: list[Row],
) -> None:
    slug = re.compile(r"[a-z0-9][a-z0-9._+-]*")
    for row in rows:
        assert row["license"] is None or slug.fullmatch(row["license"]), row["id"]
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", row["library"]), row["id"]


def test_tags_are_short_words_without_repeats(rows: list[Row]) -> None:
    for row in rows:
        tags = row["tags"]
        assert tags, row["id"]
        assert len(set(tags)) == len(tags), row["id"]
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", tag) for tag in tags), row["id"]


def test_a_one_way_translator_names_its_two_languages_as_its_own(rows: list[Row]) -> None:
    one_way = [row for row in rows if "translates" in row]
    assert len(one_way) >= 10
    for row in one_way:
        source, target = row["translates"]
        assert row["task"] == "translation"
        assert source != target
        assert row["languages"] == [source, target], row["id"]
        if row["id"].startswith("Helsinki-NLP/opus-mt-"):
            assert row["id"].endswith(f"-{source}-{target}")


def test_marks_that_do_not_apply_are_left_out(rows: list[Row]) -> None:
    assert [row["id"] for row in rows if row.get("base_only") is False] == []


def test_figures_are_never_negative_and_sizes_fit_the_parameters(rows: list[Row]) -> None:
    for row in rows:
        for figure in ("parameters", "size_bytes", "downloads", "likes"):
            assert row[figure] is None or row[figure] >= 0, row["id"]
        if row["parameters"] and row["size_bytes"] and row["id"] not in KEPT_WITH_OPTIMIZER:
            assert 0.4 <= row["size_bytes"] / row["parameters"] <= 5, row["id"]


def test_most_rows_say_how_large_the_model_is(rows: list[Row]) -> None:
    assert sum(row["size_bytes"] is not None for row in rows) / len(rows) > 0.9


def test_descriptions_have_the_length_of_a_few_sentences(rows: list[Row]) -> None:
    assert [row["id"] for row in rows if not 40 <= len(row["description"]) <= 400] == []


def test_no_two_models_are_described_alike(rows: list[Row]) -> None:
    held = Counter(" ".join(words(row["description"])) for row in rows)
    assert [text for text, times in held.items() if times > 1] == []


def test_german_french_spanish_and_chinese_have_models_of_their_own(rows: list[Row]) -> None:
    wanted = {"token-classification", "question-answering", "automatic-speech-recognition"}
    for language in ("de", "fr", "es", "zh"):
        own = {row["task"] for row in rows if row["languages"] == [language]}
        assert wanted - own == set(), language


def test_no_description_repeats_eight_words_in_a_row_of_the_evaluation_cards(
    rows: list[Row],
) -> None:
    sources = sorted(EVALUATION.glob("*cards*.jsonl"))
    if not sources:
        pytest.skip(f"the evaluation cards are not here: no *cards*.jsonl in {EVALUATION}")
    ours: dict[tuple[str, ...], str] = {
        run: row["id"] for row in rows for run in runs(row["description"])
    }
    shared = {
        ours[run]: " ".join(run)
        for source in sources
        for card in read(source)
        for text in texts(card)
        for run in runs(text) & ours.keys()
    }
    assert shared == {}
