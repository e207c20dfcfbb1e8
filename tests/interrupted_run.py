"""A program that uses the graph as a library: a diffusion of a hundred thousand steps, stopped.

    python interrupted_run.py FOLDER DATA stream|invoke|break

It prints ``running`` in the diffusion's loop, ``left`` when the caller has the interrupt (or has
left its loop) and ``stopped`` when the model's thread has ended, the last two with their second
(``time.monotonic``).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from checkpoints_making import stable_diffusion
from langchain_core.tools import BaseTool, StructuredTool
from test_tools_cancel import _many

from hugginggraph.graph import Parts, build_graph
from hugginggraph.registry import CancelledRunError, Settings, task_type
from hugginggraph.tools import ModelPool, locate, progress_to

PAINTING = threading.Event()
SCENE = Path(__file__).parents[1] / "examples" / "scene.png"


def say(word: str) -> None:
    sys.stdout.write(f"{word} {time.monotonic()}\n")
    sys.stdout.flush()


class Painting(Parts):
    """Parts whose tool for descriptions paints instead."""

    def __init__(self, folder: Path, data: Path) -> None:
        super().__init__(Settings(offline=True, cache_bytes=0, data_dir=data))
        self.checkpoint = locate(stable_diffusion(folder / "painter"), offline=True, device="cpu")

    @cached_property
    def tools(self) -> Mapping[str, BaseTool]:
        def paint(image: str, model: str, route: str) -> tuple[str, dict[str, Any]]:
            def listen(told: Any) -> None:
                if told["done"] == 1:
                    say("running")
                    PAINTING.set()

            try:
                with progress_to(listen):
                    ModelPool().run(task_type("text-to-image"), self.checkpoint, {"text": "a"})
            except CancelledRunError:
                say("stopped")
                raise
            raise AssertionError("the painting was finished")

        tool = StructuredTool.from_function(
            paint,
            name="image-to-text",
            description="paints",
            response_format="content_and_artifact",
        )
        return {"image-to-text": tool}


def main(folder: Path, data: Path, way: str) -> None:
    asked: Any = {"request": "Describe what is in scene.png", "files": [str(SCENE)]}
    diffusion = import_module("hugginggraph.tools.diffusion")
    steps = "diffusers.schedulers.scheduling_ddim.DDIMScheduler.set_timesteps"
    graph = build_graph(parts=Painting(folder, data))
    with (
        patch.object(diffusion, "PRESETS", (("", diffusion.Preset(100_000, 100_000)),)),
        patch(steps, _many),
    ):
        try:
            if way == "invoke":
                graph.invoke(asked)
            for told in graph.stream(asked, stream_mode="custom"):
                if way == "break" and told.get("state") == "running" and PAINTING.wait(60):
                    break
        except KeyboardInterrupt:
            pass
        say("left")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
