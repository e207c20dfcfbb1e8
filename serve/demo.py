"""The command ``hugginggraph starter demo``: the original's demo requests on the world's files.

Each request runs as a person's would, without a network; what comes out is compared with what is
true, and written into a page with pictures of every result. A demo whose model is missing says
which task lacks one, and the others go on.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from PIL.Image import Image

    from hugginggraph.graph import Input
    from hugginggraph.starter import Ask, Demo, Wish
    from hugginggraph.tools import Recording

Verdict = Literal["right", "wrong", "missing"]
PICTURES = "pictures/demo"
STRIP = 4
"""Pictures of a film that the page shows."""


@dataclass(frozen=True)
class Found:
    """How a wish came out, and why it did not where it did not."""

    wish: Wish
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True)
class Shown:
    """A demo with the final state of its run, and how its wishes came out."""

    demo: Demo
    state: Mapping[str, Any]
    found: tuple[Found, ...]


def run_demos(files: Path, ask: Ask, titles: Sequence[str] = ()) -> list[Shown]:
    """Draws the files into a folder, and runs the demos (all, or those of these titles)."""
    import asyncio

    from hugginggraph.graph import Parts, build_graph
    from hugginggraph.registry import load_settings
    from hugginggraph.starter import draw_demos

    demos = [each for each in draw_demos(files) if not titles or each.title in titles]
    graph = build_graph(parts=Parts(load_settings(offline=True, planner="builtin")))

    async def states() -> list[dict[str, Any]]:
        given: list[Input] = [
            {"request": each.request, "files": [str(files / name) for name in each.files]}
            for each in demos
        ]
        return [await graph.ainvoke(each) for each in given]

    return [
        Shown(each, state, tuple(judge(wish, state, ask) for wish in each.wishes))
        for each, state in zip(demos, asyncio.run(states()), strict=True)
    ]


def judge(wish: Wish, state: Mapping[str, Any], ask: Ask) -> Found:
    """Whether a run's results hold what a demo wishes."""
    tasks = [
        (each, (state.get("results") or {}).get(str(each["id"])))
        for each in (state.get("plan") or {}).get("tasks", ())
        if each["task"] in wish.tasks
    ]
    if not tasks:
        return Found(wish, "missing", f"The plan holds no {' or '.join(wish.tasks)}.")
    done = [result for _, result in tasks if result and result["status"] == "done"]
    if len(done) < len(tasks):
        errors = [(result or {}).get("error") or {} for _, result in tasks]
        return Found(wish, "missing", next((e["message"] for e in errors if "message" in e), ""))
    if wish.together:
        right = wish.right([each["value"] for each in done], (), ask)
    else:
        right = any(
            wish.right(each["value"], [path.read_bytes() for path in paths(each, state)], ask)
            for each in done
        )
    return Found(wish, "right" if right else "wrong")


def paths(result: Mapping[str, Any], state: Mapping[str, Any]) -> list[Path]:
    """The files that a task made."""
    return [Path(state["resources"][each]["path"]) for each in result["files"]]


def demo(
    out: Annotated[Path, typer.Argument(help="Where the page and its pictures go.")],
    title: Annotated[list[str] | None, typer.Option(help="Only this demo; repeatable.")] = None,
) -> None:
    """Run the original's demo requests on the world's files, and write a page about them."""
    from .starter import ask_with_runners

    with TemporaryDirectory() as folder:
        shown = run_demos(Path(folder), ask_with_runners(), title or ())
        pictures = out / PICTURES
        shutil.rmtree(pictures, ignore_errors=True)
        pictures.mkdir(parents=True)
        text = page(shown, Path(folder), pictures)
    (out / "demo.md").write_text(text, "utf-8")
    for each in shown:
        for found in each.found:
            truth = f"{found.wish.tasks[0]}: {found.wish.truth}"
            typer.echo(f"{found.verdict:8} {each.demo.title}: {truth} {found.why}".rstrip())
    raise typer.Exit(int(any(f.verdict == "wrong" for each in shown for f in each.found)))


def page(shown: Iterable[Shown], files: Path, pictures: Path) -> str:
    """The page's text; its pictures are written into a folder beside it."""
    lines = [
        "<!-- Made by `make demo`. Do not edit. -->",
        "# The demo",
        "",
        "The requests with which the original showed itself, on files of the [starter pack's",
        "world](starter.md), planned by the builtin planner, run without a network. Beside each",
        "result stands what is true and whether it was met; `missing` means that no model here",
        "can do it.",
    ]
    for number, each in enumerate(shown, 1):
        lines += ["", f"## {each.demo.title}", "", f"> {each.demo.request}", ""]
        given = [
            _kept(picture_of(files / name), pictures / f"{number}-{Path(name).stem}.png")
            for name in each.demo.files
        ]
        made = [
            _kept(picture_of(path), pictures / f"{number}-task-{task}-{place}.png")
            for task, result in (each.state.get("results") or {}).items()
            for place, path in enumerate(_shown(paths(result, each.state)))
        ]
        for words, names in (("Given", given), ("Made", made)):
            if names:
                shows = " ".join(f"![{name}]({PICTURES}/{name})" for name in names)
                lines += [f"{words}: {shows}", ""]
        lines += [
            "```text",
            _plain(each.state),
            "```",
            "",
            "| task | true | result |",
            "|---|---|---|",
        ]
        lines += [
            f"| {' or '.join(f.wish.tasks)} | {f.wish.truth} | "
            f"{' '.join(part for part in (f.verdict + '.', f.why) if part)} |"
            for f in each.found
        ]
    return "\n".join(lines) + "\n"


def _shown(made: Sequence[Path]) -> Sequence[Path]:
    """The files that the page shows: of a sound, not also its waveform, which is in its picture."""
    sounds = [path for path in made if path.suffix == ".wav"]
    return sounds or made


def _plain(state: Mapping[str, Any]) -> str:
    """The answer, with the names of files in place of their folders."""
    answer = str(state.get("answer") or json.dumps(state.get("error")))
    return re.sub(r"[^\s'\"]*/(?=[\w-]+\.(png|wav|mp4))", "", answer)


def _kept(image: Image, path: Path) -> str:
    image.save(path, optimize=True)
    return path.name


def picture_of(path: Path) -> Image:
    """A file as a picture: itself, a film's pictures in a row, or a sound's waveform and bands."""
    from PIL import Image as Pictures

    from hugginggraph.tools import draw_waveform, open_film, open_image, open_sound

    if path.suffix == ".mp4":
        frames = open_film(path).frames(STRIP)
        parts, down = [_enlarged(frame.convert("RGB")) for frame in frames], False
    elif path.suffix in (".wav", ".flac", ".mp3"):
        sound = open_sound(path)
        parts = [
            draw_waveform(sound.samples, sound.sample_rate),
            _spectrogram(sound),
        ]
        down = True
    else:
        return _enlarged(open_image(path))
    wide = max(each.width for each in parts) if down else sum(each.width for each in parts)
    high = sum(each.height for each in parts) if down else max(each.height for each in parts)
    whole, x, y = Pictures.new("RGB", (wide, high)), 0, 0
    for each in parts:
        whole.paste(each, (x, y))
        x, y = (x, y + each.height) if down else (x + each.width, y)
    return whole


def _enlarged(image: Image) -> Image:
    """A small picture with larger pixels."""
    from PIL import Image as Pictures

    scale = max(1, 128 // max(image.size))
    return image.resize((image.width * scale, image.height * scale), Pictures.Resampling.NEAREST)


def _spectrogram(sound: Recording) -> Image:
    """Decibels over time, left to right, and pitch, up to 8 kHz at the top: 900 x 200 pixels."""
    import numpy as np
    from PIL import Image as Pictures
    from scipy.signal import spectrogram

    samples = sound.waveform(16_000)
    _, _, power = spectrogram(samples, 16_000, nperseg=512, noverlap=384)
    loud = 10 * np.log10(power[::-1] + 1e-12)
    shares = np.clip((loud - loud.max()) / 80 + 1, 0, 1)
    image = Pictures.fromarray((shares * 255).astype(np.uint8)).resize((900, 200))
    return image.point(lambda gray: gray // 12 * 12).convert("RGB")  # few grays: a small file
