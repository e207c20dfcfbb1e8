"""The starter room: the world tells the truth, and the checkpoints know the world."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hugginggraph.starter import (
    CHECKPOINTS,
    LABELS,
    PATTERNS,
    SPLITS,
    draw_examples,
    draw_scene,
    draw_single,
    mean_average_precision,
    measure_captioner,
    measure_classifier,
    measure_detector,
    scenes_of,
    seeds,
    singles_of,
)

SCENES = 120
NAMES = ("shapes-classifier", "shapes-detector", "shapes-captioner")


def test_importing_the_room_loads_no_heavy_library() -> None:
    code = "import sys, hugginggraph.starter as s; s.draw_scene(1); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_one_seed_draws_one_scene() -> None:
    first, again, other = (draw_scene(seed) for seed in (12_000_001, 12_000_001, 12_000_002))
    assert first.image.tobytes() == again.image.tobytes()
    assert (first.objects, first.caption) == (again.objects, again.caption)
    assert first.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_draws_every_size(pattern: str) -> None:
    for size in ((64, 64), (300, 200), (90, 480)):
        scene = draw_scene(12_000_003, size=size, n_objects=6, pattern=pattern)
        assert scene.image.size == size
        assert len(scene.objects) == 6


def test_a_box_is_exactly_around_the_pixels_of_its_object() -> None:
    for seed in seeds("test", 1, 60):
        scene = draw_single(seed, pattern="plain")
        pixels = np.asarray(scene.image).astype(int)
        left, top, right, bottom = scene.objects[0].box
        corners = [(0, 0), (0, -1), (-1, 0), (-1, -1)]
        ground = np.median([pixels[corner] for corner in corners], axis=0)
        rows, columns = np.nonzero(np.abs(pixels - ground).max(axis=2) > 2)
        measured = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert np.abs(np.array(measured) - (left, top, right, bottom)).max() <= 1


def test_no_object_hides_another() -> None:
    for seed in seeds("test", 2, 60):
        boxes = [each.box for each in draw_scene(seed, n_objects=6).objects]
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
                height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
                smaller = min((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
                assert width * height <= 0.1 * smaller


def test_the_caption_counts_what_the_objects_say() -> None:
    scene = draw_scene(12_000_012)
    words = scene.caption.replace(",", "").split()
    assert words[-2:] == [scene.background, "background"]
    counts = {"a": 1, "an": 1, "the": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
    assert sum(counts[word] for word in words[:-4] if word in counts) == len(scene.objects)
    assert all(each.label in LABELS for each in scene.objects)


def test_training_and_measuring_seeds_never_meet() -> None:
    splits = list(SPLITS.values())
    for a in splits:
        assert [b for b in splits if b.start < a.stop and a.start < b.stop] == [a]
    with pytest.raises(ValueError, match="outside the split 'measure'"):
        seeds("measure", 10, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_is_small_safe_and_described(name: str) -> None:
    folder = CHECKPOINTS / name
    assert (folder / "model.safetensors").stat().st_size < 8_000_000
    assert not [path for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]
    card = (folder / "README.md").read_text()
    assert card.startswith("---\n")
    assert "library_name: transformers" in card


def test_the_classifier_names_the_main_object() -> None:
    figures = measure_classifier(CHECKPOINTS / NAMES[0], singles_of("test", 0, SCENES))
    assert figures["top_1"] >= 0.95


def test_the_detector_finds_and_counts_the_objects() -> None:
    figures = measure_detector(CHECKPOINTS / NAMES[1], scenes_of("test", 0, SCENES))
    assert figures["map_50"] >= 0.97
    assert figures["count_right"] >= 0.92


def test_the_captioner_says_the_whole_scene() -> None:
    figures = measure_captioner(CHECKPOINTS / NAMES[2], scenes_of("test", 0, SCENES))
    assert figures["exact"] >= 0.87


def test_the_average_precision_is_right_on_a_case_done_by_hand() -> None:
    scene = draw_single(12_000_020)
    truth = scene.objects[0]
    box = dict(zip(("xmin", "ymin", "xmax", "ymax"), truth.box, strict=True))
    far = {"xmin": 0, "ymin": 0, "xmax": 1, "ymax": 1}
    hit = {"label": truth.label, "score": 0.5, "box": box}
    twice = {"label": truth.label, "score": 0.4, "box": box}
    miss = {"label": truth.label, "score": 0.9, "box": far}
    assert mean_average_precision([[hit, twice]], [scene]) == 1.0
    assert mean_average_precision([[miss, hit]], [scene]) == 0.5
    assert mean_average_precision([[miss, hit], [hit]], [scene, scene]) == pytest.approx(2 / 3)
    assert mean_average_precision([[]], [scene]) == 0.0


def test_the_example_pictures_are_drawn_by_the_world(tmp_path: Path) -> None:
    draw_examples(tmp_path)
    kept = CHECKPOINTS.resolve().parents[1] / "examples"
    for name in ("scene.png", "single.png", "crowd.png"):
        with Image.open(tmp_path / name) as drawn, Image.open(kept / name) as stored:
            assert drawn.tobytes() == stored.tobytes()
