"""Measures the saved starter checkpoints on fresh scenes, through the public Transformers API.

`python -m hugginggraph.starter.measure [--seed N] [--scenes 500] [--json]`

Fresh means: from the split `measure` (or `test`) of `world.seeds`, whose seeds no training run
can draw. What the figures say:

- classifier `top_1`: share of pictures of one object whose first label is the right one.
- detector `map_50`: mean over the labels of the average precision at IoU 0.5. Detections of one
  label, over all scenes, are taken by falling confidence; each is right if it overlaps a not yet
  found object of its label and scene by IoU >= 0.5, the best overlapping one, and wrong
  otherwise. Average precision is the area under precision over recall, precision made
  non-increasing first (all points, as in PASCAL VOC from 2010 on). Labels without an object in
  the measured scenes are left out.
- detector `count_right`: share of scenes with as many detections at or above the checkpoint's
  `detection_threshold` as there are objects; `labels_right`: the same for every label at once.
- captioner `exact`: share of scenes whose caption is the world's, word for word;
  `exact_with_digits`: of the scenes that hold a digit.
- `ms`: milliseconds a picture, one picture at a time, drawing not counted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from transformers import AutoProcessor, VisionEncoderDecoderModel, pipeline
from transformers.utils import logging

from .training import say
from .world import CHECKPOINTS, LABELS, Scene, draw_scene, draw_single, seeds

SIZES = ((480, 360), (256, 256), (360, 480), (320, 240), (420, 280))
Figures = dict[str, float]


def scenes_of(split: Literal["measure", "test"], run: int, count: int) -> list[Scene]:
    """Fresh scenes in the sizes that people look at."""
    drawn = seeds(split, run, count)
    return [draw_scene(seed, size=SIZES[i % len(SIZES)]) for i, seed in enumerate(drawn)]


def singles_of(split: Literal["measure", "test"], run: int, count: int) -> list[Scene]:
    """Fresh pictures of one object."""
    drawn = seeds(split, run, count)
    return [draw_single(seed, size=SIZES[i % len(SIZES)]) for i, seed in enumerate(drawn)]


def measure_classifier(folder: Path, scenes: Sequence[Scene]) -> Figures:
    """Top-1 of the classifier."""
    classify = pipeline("image-classification", model=str(folder), device="cpu")
    started = time.monotonic()
    said = [classify(scene.image, top_k=1)[0]["label"] for scene in scenes]
    seconds = time.monotonic() - started
    right = [label == scene.objects[0].label for label, scene in zip(said, scenes, strict=True)]
    return {"top_1": float(np.mean(right)), "ms": 1000 * seconds / len(scenes)}


def measure_detector(folder: Path, scenes: Sequence[Scene]) -> Figures:
    """Mean average precision and counting of the detector."""
    detect = pipeline("object-detection", model=str(folder), device="cpu")
    threshold: float = detect.model.config.detection_threshold
    started = time.monotonic()
    found = [detect(scene.image, threshold=0.01) for scene in scenes]
    seconds = time.monotonic() - started
    sure = [[each for each in many if each["score"] >= threshold] for many in found]
    counts = [len(many) == len(scene.objects) for many, scene in zip(sure, scenes, strict=True)]
    labels = [
        Counter(each["label"] for each in many) == Counter(each.label for each in scene.objects)
        for many, scene in zip(sure, scenes, strict=True)
    ]
    return {
        "map_50": mean_average_precision(found, scenes),
        "count_right": float(np.mean(counts)),
        "labels_right": float(np.mean(labels)),
        "threshold": threshold,
        "ms": 1000 * seconds / len(scenes),
    }


def measure_captioner(folder: Path, scenes: Sequence[Scene]) -> Figures:
    """Exact match of the captioner."""
    processor: Any = AutoProcessor.from_pretrained(folder)
    model = VisionEncoderDecoderModel.from_pretrained(folder).eval()
    started = time.monotonic()
    right = []
    for scene in scenes:
        inputs = processor(images=scene.image, return_tensors="pt")
        with torch.no_grad():
            said = processor.batch_decode(model.generate(**inputs), skip_special_tokens=True)
        right.append(said[0] == scene.caption)
    seconds = time.monotonic() - started
    digits = [ok for ok, scene in zip(right, scenes, strict=True) if "digit" in scene.caption]
    return {
        "exact": float(np.mean(right)),
        "exact_with_digits": float(np.mean(digits)),
        "ms": 1000 * seconds / len(scenes),
    }


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (xmin, ymin, xmax, ymax)."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def mean_average_precision(
    found: Sequence[Sequence[dict[str, Any]]], scenes: Sequence[Scene], iou: float = 0.5
) -> float:
    """The figure defined above; `found` holds the pipeline's answer for each scene."""
    detections: dict[str, list[tuple[float, int, list[float]]]] = defaultdict(list)
    for i, many in enumerate(found):
        for each in many:
            box = [each["box"][side] for side in ("xmin", "ymin", "xmax", "ymax")]
            detections[each["label"]].append((each["score"], i, box))
    precisions = []
    for label in LABELS:
        left = {
            i: [each.box for each in scene.objects if each.label == label]
            for i, scene in enumerate(scenes)
        }
        total = sum(map(len, left.values()))
        if not total:
            continue
        hits = []
        for _, i, box in sorted(detections[label], key=lambda each: -each[0]):
            best = max(left[i], key=lambda truth: overlap(box, truth), default=None)
            hit = best is not None and overlap(box, best) >= iou
            if hit and best is not None:
                left[i].remove(best)
            hits.append(hit)
        right = np.cumsum(hits)
        precision = right / np.arange(1, len(hits) + 1)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        precisions.append(float(np.sum(envelope * np.array(hits, dtype=float))) / total)
    return float(np.mean(precisions))


def main() -> None:
    """Measures all three checkpoints and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="which run of the split (0 to 9)")
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logging.disable_progress_bar()
    scenes = scenes_of("measure", given.seed, given.scenes)
    singles = singles_of("measure", given.seed, given.scenes)
    figures = {
        "shapes-classifier": measure_classifier(given.checkpoints / "shapes-classifier", singles),
        "shapes-detector": measure_detector(given.checkpoints / "shapes-detector", scenes),
        "shapes-captioner": measure_captioner(given.checkpoints / "shapes-captioner", scenes),
    }
    if given.json:
        say(json.dumps({"seed": given.seed, "scenes": given.scenes, **figures}, indent=2))
        return
    say(f"{given.scenes} fresh scenes, split measure, run {given.seed}")
    for name, values in figures.items():
        say(f"{name:18}" + "".join(f"  {key} {value:.3f}" for key, value in values.items()))


if __name__ == "__main__":
    main()
