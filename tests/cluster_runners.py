"""Runners that the processes of a Ray cluster import: they say where they run and what with."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hugginggraph.tools import Batched, Checkpoint, Output, Run, check_cancelled, report

STEP = 0.05


def patient(checkpoint: Checkpoint) -> Run:
    """Counts to the number that it is given, a step every `STEP` seconds, and may be stopped."""

    def run(args: Mapping[str, Any]) -> Output:
        count = int(args["text"])
        for step in range(count):
            check_cancelled()
            time.sleep(STEP)
            report("running", step + 1, count, "steps")
        return Output(f"{os.getpid()} {Path(checkpoint.location).name}")

    return run


def together(checkpoint: Checkpoint) -> Run:
    """Says to each call how many there were in its batch; a text in capitals is an error."""

    def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
        time.sleep(0.3)
        if any(call["text"].isupper() for call in calls):
            raise ValueError("do not shout")
        return [Output(f"{call['text']} of {len(calls)}") for call in calls]

    return Batched(batch)


def first_words(checkpoint: Checkpoint) -> Run:
    """The size of a film's first picture, with the content of the model's one file."""

    def run(args: Mapping[str, Any]) -> Output:
        [picture] = args["video"].frames(1)
        return Output(f"{picture.size} {(Path(checkpoint.location) / 'a.skops').read_text()}")

    return run
