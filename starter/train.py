"""Trains one starter checkpoint: `python -m hugginggraph.starter.train detector --out DIR`."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from .training import Run

MODELS = {
    "classifier": ".train_classifier:train",
    "detector": ".train_detector:train",
    "captioner": ".train_captioner:train",
    "segmenter": ".train_segmenter:train",
    "depth": ".train_depth:train",
    "matcher": ".train_matcher:train",
    "painter": ".train_painter:train",
    "watcher": ".train_watcher:train",
    "tracer": ".train_tracer:train",
    "filmer": ".train_filmer:train",
    "answerer": ".train_answerer:train",
    "reader": ".train_reader:train",
    "listener": ".train_listener:train",
    "sounds": ".train_sounds:train",
    "denoiser": ".train_denoiser:train",
    "speaker": ".train_speaker:train_english",
    "speaker-french": ".train_speaker:train_french",
    "mood": ".train_text:train_mood",
    "tagger": ".train_text:train_tagger",
    "english-french": ".train_text:train_to_french",
    "french-english": ".train_text:train_to_english",
    "table": ".train_tabular:train",
}


def train_model() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description="Train a model of the starter pack again.")
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--seed", type=int, default=0, help="weights, order and scenes (0 to 99)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, help="instead of the model's own number")
    parser.add_argument("--minutes", type=float, help="end earlier, cooled down")
    parser.add_argument("--scenes", type=int, help="how many training scenes are rendered")
    parser.add_argument("--start", type=Path, help="go on from this checkpoint, at half the rate")
    given = vars(parser.parse_args())
    module, _, function = MODELS[given.pop("model")].partition(":")
    getattr(import_module(module, __package__), function)(Run(**given))


if __name__ == "__main__":
    train_model()
