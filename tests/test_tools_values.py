"""Results read as English, and texts fall into sentences."""

from __future__ import annotations

from typing import Any

import pytest

from hugginggraph.tools import Box, as_text, count_labels, plural, split_sentences


def found(label: str, score: float) -> Box:
    return {"label": label, "score": score, "box": {"xmin": 0, "ymin": 0, "xmax": 9, "ymax": 9}}


SCENE = [
    found("red circle", 0.98),
    found("blue square", 0.97),
    found("red circle", 0.95),
    found("digit 7", 0.9),
]


def test_boxes_read_as_a_sentence_with_counts_most_first() -> None:
    assert as_text("boxes", SCENE) == (
        "4 objects: 2 red circles (0.98, 0.95), 1 blue square (0.97) and 1 digit 7 (0.90)"
    )
    assert as_text("boxes", SCENE[:1]) == "1 object: 1 red circle (0.98)"
    assert as_text("boxes", []) == "no objects"
    assert count_labels(SCENE) == {"red circle": 2, "blue square": 1, "digit 7": 1}


def test_a_crowd_does_not_list_every_score() -> None:
    text = as_text("boxes", [found("person", 0.9)] * 30)
    assert text.startswith("30 objects: 30 people (0.90, ") and text.endswith("0.90, …)")
    assert text.count("0.90") == 10


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("person", "people"),
        ("traffic light", "traffic lights"),
        ("box", "boxes"),
        ("bench", "benches"),
        ("berry", "berries"),
        ("toy", "toys"),
        ("sheep", "sheep"),
        ("digit 7", "digit 7s"),
        ("wine glass", "wine glasses"),
        ("red heart", "red hearts"),
    ],
)
def test_labels_have_right_plurals(one: str, many: str) -> None:
    assert plural(one) == many
    assert plural(one, 1) == one


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (
            "labels",
            [{"label": "sport", "score": 0.91}, {"label": "politics", "score": 0.05}],
            "sport (0.91), politics (0.05)",
        ),
        (
            "labels",
            [{"label": "LOC", "score": 0.99, "text": "Paris", "start": 0, "end": 5}],
            "Paris (LOC, 0.99)",
        ),
        ("labels", [], "nothing found"),
        ("vector", [0.5] * 384, "a vector of 384 numbers"),
        ("text", "A red circle.", "A red circle."),
        ("image", {"width": 4, "height": 3}, "a picture of 4 × 3 pixels"),
        (
            "audio",
            {"seconds": 1.25, "sample_rate": 16000, "channels": 1, "note": "a beep"},
            "1.2 s of sound at 16,000 Hz, a beep",
        ),
        (
            "video",
            {"seconds": 2.0, "frame_rate": 8.0, "width": 4, "height": 4},
            "2.0 s of video at 8 pictures a second",
        ),
        (
            "masks",
            [{"label": "sky", "score": 0.9, "share": 0.4}],
            "1 segment: sky (40%)",
        ),
        ("table", {"columns": ["name", "age"], "rows": [["Ann", 3]]}, "name Ann, age 3"),
    ],
)
def test_every_kind_reads_as_text(kind: Any, value: Any, text: str) -> None:
    assert as_text(kind, value) == text


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Dr. Smith met Mr. Jones at 5 p.m. They talked. The U.S. Army won 3.5 to 2! Really?",
            [
                "Dr. Smith met Mr. Jones at 5 p.m.",
                "They talked.",
                "The U.S. Army won 3.5 to 2!",
                "Really?",
            ],
        ),
        ('He said "No." She left. (All of it.) See No. 5.', None),
        ("A title without a stop\n\nA line\nthat wraps. Done", None),
        ("你好。世界！", ["你好。", "世界！"]),
        ("", []),
    ],
)
def test_sentences_are_split_after_their_ends_only(text: str, sentences: list[str] | None) -> None:
    expected = sentences or {
        "H": ['He said "No."', "She left.", "(All of it.)", "See No. 5."],
        "A": ["A title without a stop", "A line that wraps.", "Done"],
    }.get(text[:1], [])
    assert split_sentences(text) == expected
