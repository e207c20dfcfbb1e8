"""The terminal as a person sees it: in tmux at 80 columns, and where pictures can be drawn."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from checkpoints_making import stable_diffusion
from hub_files import FileHandler, FileHub
from hub_listing import serving
from PIL import Image
from rich.console import Console

from hugginggraph.serve.pictures import drawn
from hugginggraph.serve.terminal import plan_tree

ROOT = Path(__file__).parents[1]
SCENE = ROOT / "examples" / "scene.png"
COLOUR = re.compile(r"\x1b\[[\d;]*3[0-7]m|\x1b\[[\d;]*38;")
FIND = "Find the objects in examples/scene.png"
KITTY, WEZTERM = b"\x1b_Gi=31;OK\x1b\\", b"\x1bP>|WezTerm 20240203\x1b\\"


class Screen:
    """A program in tmux, as wide as a terminal of old."""

    def __init__(self, folder: Path) -> None:
        self._sockets = (str(folder / f"tmux{number}") for number in itertools.count())
        self._take_next()

    def _take_next(self) -> None:
        self.tmux = ["tmux", "-S", next(self._sockets), "-f", "/dev/null"]

    def start(self, *words: str, env: dict[str, str]) -> None:
        given = [f"-e{name}={value}" for name, value in env.items()]
        said = f"cd {ROOT}; {' '.join(words)}; echo code=$?; sleep 100"
        self("kill-server", check=False)
        self._take_next()  # the old one may still be ending
        self("new-session", "-d", "-x80", "-y24", *given, "bash", "-c", said)

    def __call__(self, *words: str, check: bool = True) -> str:
        done = subprocess.run([*self.tmux, *words], capture_output=True, text=True, check=check)
        return done.stdout

    def wait(self, pattern: str, seconds: float = 90) -> str:
        """The screen, with its colours, once the pattern stands on it."""
        limit = time.monotonic() + seconds
        while True:
            plain = self("capture-pane", "-p")
            if re.search(pattern, plain):
                return self("capture-pane", "-pe")
            assert time.monotonic() < limit, plain
            time.sleep(0.05)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    if shutil.which("tmux") is None:
        pytest.skip("no tmux on this machine")
    screen = Screen(tmp_path)
    yield screen
    screen("kill-server", check=False)


class SlowHub(FileHub):
    """A Hub whose large files come in drops until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def close(self) -> None:
        self.gate.set()


class SlowHandler(FileHandler):
    hub: SlowHub

    def _content(self, file: Path) -> None:
        if file.stat().st_size < 500_000 or self.hub.gate.is_set():
            return super()._content(file)
        body = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            for at in range(0, len(body), 20_000):
                self.wfile.write(body[at : at + 20_000])
                self.wfile.flush()
                self.hub.gate.wait(0.3)
        except OSError:  # the person has left
            self.close_connection = True


@pytest.mark.slow
@pytest.mark.parametrize("colour", [True, False])
def test_a_download_and_a_diffusion_show_their_bars_and_each_is_left_with_ctrl_c(
    screen: Screen, data_dir: Path, tmp_path: Path, colour: bool
) -> None:
    painter = tmp_path / "painter"
    stable_diffusion(painter)
    unet = painter / "unet" / "config.json"  # pictures so large that a step can be seen
    unet.write_text(json.dumps({**json.loads(unet.read_text()), "sample_size": 48}))
    shutil.copytree(data_dir, tmp_path / "data")
    row = {"id": "someone/ddim-painter", "pipeline_tag": "text-to-image",
           "library_name": "diffusers", "description": "It paints."}  # fmt: skip
    (tmp_path / "cards.jsonl").write_text(json.dumps(row))
    hub = SlowHub()
    hub.folders["someone/ddim-painter"] = painter
    with serving(hub, SlowHandler) as url, closing(hub):
        env = {
            "HUGGINGGRAPH_DATA_DIR": str(tmp_path / "data"), "HF_ENDPOINT": url,
            "HUGGINGGRAPH_ARTIFACTS_DIR": str(tmp_path / "artifacts"),
            "HUGGINGGRAPH_OFFLINE": "0", "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf"),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        } | ({} if colour else {"NO_COLOR": "1"})  # fmt: skip
        command = (sys.executable, "-m", "hugginggraph.serve.cli")
        sync = [*command, "models", "sync", "--from", str(tmp_path / "cards.jsonl")]
        subprocess.run(sync, check=True, capture_output=True, env={**os.environ, **env})

        pin = "--model text-to-image=someone/ddim-painter --thread paint"
        screen.start(*command, "run", '"Draw a red circle"', pin, env=env)
        seen = screen.wait(r"━+─* [\d.]+ .B of 1\.\d MB")
        assert bool(COLOUR.search(seen)) is colour
        screen("send-keys", "C-c")
        left = screen.wait(r"code=\d+", 20)
        assert "code=130" in left and "resume paint" in left and "Traceback" not in left

        hub.gate.set()
        screen.start(*command, "resume", "paint", env=env)
        seen = screen.wait(r"━+─* \d+/50 steps")
        assert bool(COLOUR.search(seen)) is colour
        assert len(re.findall("text-to-image", seen)) == 1  # one line, redrawn in place
        screen("send-keys", "C-c")
        left = screen.wait(r"code=\d+", 20)
        assert "code=130" in left and "–" in left and "Traceback" not in left

        screen.start(*command, "resume", "paint", env=env)
        done = screen.wait(r"code=\d+")
        assert "code=0" in done and "A picture was made" in done


@pytest.mark.parametrize("width", [80, 120])
def test_a_task_of_a_plan_keeps_to_its_line_whatever_the_width(width: int) -> None:
    plan = {"planner": "llm", "repairs": [], "tasks": [
        {"id": 0, "task": "image-to-text", "dep": [], "args": {"image": "r1", "text": "x" * 400}},
        {"id": 1, "task": "text-to-speech", "dep": [0], "args": {"text": "<resource>-0"}},
    ]}  # fmt: skip
    states = {
        0: {"state": "done", "model": "a/captioner", "seconds": 1.2},
        1: {
            "state": "fetching",
            "model": "somebody/a-model-of-a-long-name",
            "done": 500_000,
            "total": 2_000_000,
            "unit": "bytes",
        },
    }
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as said:
        console.print(plan_tree(plan, {"r1": {"name": "a" * 90 + ".png"}}, states))
    lines = said.get().rstrip().split("\n")
    assert len(lines) == 3 and all(len(line) <= width for line in lines)
    assert "a/captioner 1.2 s" in lines[1]
    assert "▸" not in lines[2] and "━━──────── 500 kB of 2.0 MB" in lines[2]


def at_terminal(
    words: list[str], answers: Callable[[bytes], bytes], env: dict[str, str], stdout: int = -1
) -> bytes:
    """What a program writes to a terminal that answers its questions."""
    master, slave = pty.openpty()
    out = slave if stdout < 0 else stdout
    ran = subprocess.Popen(
        words, stdin=slave, stdout=out, stderr=slave, cwd=ROOT, env=env, start_new_session=True
    )
    os.close(slave)
    written, limit = b"", time.monotonic() + 120
    while time.monotonic() < limit:
        if not select.select([master], [], [], 0.2)[0]:
            if ran.poll() is not None:
                break
            continue
        try:
            new = os.read(master, 65536)
        except OSError:  # the terminal is closed
            break
        written += new
        if new and (said := answers(new)):
            os.write(master, said)
    if ran.poll() is None:
        ran.send_signal(signal.SIGTERM)
    ran.wait(20)
    os.close(master)
    return written


def answering(*said: bytes) -> Callable[[bytes], bytes]:
    """A terminal that says this when it is asked what it is."""
    return lambda new: b"".join(said) if b"\x1b[c" in new else b""


SHOW = (
    "from hugginggraph.serve.pictures import show_pictures;"
    "show_pictures({'plan': {'tasks': [{'id': 0, 'task': 'object-detection'}]},"
    "'results': {'0': {'files': ['r1']}},"
    f"'resources': {{'r1': {{'kind': 'image', 'path': {str(SCENE)!r}}}}}}})"
)


def shown(*said: bytes, **env: str) -> bytes:
    known = {**os.environ, "TERM": "xterm-256color", **env}
    return at_terminal([sys.executable, "-c", SHOW], answering(*said), known)


def test_a_run_draws_its_picture_where_the_terminal_has_kittys_graphics(
    data_dir: Path, tmp_path: Path
) -> None:
    env = {**os.environ, "HUGGINGGRAPH_DATA_DIR": str(data_dir), "TERM": "xterm-kitty",
           "HUGGINGGRAPH_ARTIFACTS_DIR": str(tmp_path / "artifacts")}  # fmt: skip
    command = [sys.executable, "-m", "hugginggraph.serve.cli", "run", FIND]
    written = at_terminal(command, answering(KITTY, b"\x1b[?62;c"), env)
    parts = re.findall(rb"\x1b_G([^;]*);([^\x1b]*)\x1b\\", written.partition(b"\x1b[c")[2])
    assert parts[0][0].startswith(b"a=T,f=100,q=2,c=")
    assert [head[-3:] for head, _ in parts] == [b"m=1"] * (len(parts) - 1) + [b"m=0"]
    assert all(len(data) <= 4096 for _, data in parts)
    picture = Image.open(io.BytesIO(base64.b64decode(b"".join(data for _, data in parts))))
    (made,) = (tmp_path / "artifacts").glob("*.png")
    with Image.open(made) as whole:
        shape = whole.width / whole.height
    assert picture.height <= 360 and picture.width / picture.height == pytest.approx(shape, 0.02)
    assert made.name.encode() in written and b"i=31;OK" not in written  # no echo


def test_a_plan_costs_a_cold_start_less_than_three_seconds_of_a_processor(
    data_dir: Path, tmp_path: Path
) -> None:
    """On a slow machine: less than three times what importing LangGraph takes."""
    env = {**os.environ, "HUGGINGGRAPH_DATA_DIR": str(data_dir), "TERM": "xterm",
           "HUGGINGGRAPH_ARTIFACTS_DIR": str(tmp_path / "artifacts")}  # fmt: skip
    spent: list[float] = []
    before = os.times()
    subprocess.run([sys.executable, "-c", "import langgraph.graph"], check=True)
    after = os.times()
    langgraph = sum(after[2:4]) - sum(before[2:4])

    def watch(new: bytes) -> bytes:
        if b"object-detection" in new and not spent:
            (child,) = psutil.Process().children()
            spent.append(sum(child.cpu_times()[:2]))  # the clock would tell of others' work too
        return b""

    at_terminal([sys.executable, "-m", "hugginggraph.serve.cli", "run", FIND], watch, env)
    assert 0.1 < spent[0] < max(3, 3 * langgraph), langgraph


def test_other_terminals_draw_in_their_own_way_and_the_rest_show_nothing() -> None:
    iterm = shown(WEZTERM, b"\x1b[?65;c")
    found = re.search(rb"\x1b\]1337;File=inline=1;size=(\d+);width=\d+:([^\a]+)\a", iterm)
    assert found and len(base64.b64decode(found[2])) == int(found[1])
    assert b"\x1bPq" in shown(b"\x1b[?62;4;22c")
    for quiet in (
        shown(b"\x1b[?62;22c"),
        shown(KITTY, b"\x1b[?62;c", NO_COLOR="1"),
        shown(KITTY, b"\x1b[?62;c", TERM="dumb"),
    ):
        assert b"\x1b_Ga" not in quiet and b"1337" not in quiet and b"object-detection" not in quiet


def test_nothing_is_drawn_into_a_pipe(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        env = {**os.environ, "TERM": "xterm-kitty"}
        asked = at_terminal(
            [sys.executable, "-c", SHOW], answering(KITTY, b"\x1b[?62;c"), env, out.fileno()
        )
    assert asked == b"" and (tmp_path / "out").read_bytes() == b""


def test_a_sixel_picture_is_the_picture() -> None:
    said = drawn(SCENE, "sixel")
    size = re.match(r'\x1bPq"1;1;(\d+);(\d+)', said)
    assert size and said.endswith("\x1b\\")
    canvas = Image.new("RGB", (int(size[1]), int(size[2])))
    colours: dict[str, tuple[int, ...]] = {}
    x = y = 0
    colour = (0, 0, 0)
    for name, rgb, count, letter, move in re.findall(
        r"#(\d+)(?:;2;(\d+;\d+;\d+))?|(?:!(\d+))?([?-~])|([$-])", said[size.end() : -2]
    ):
        if rgb:
            colours[name] = tuple(int(part) * 255 // 100 for part in rgb.split(";"))
        elif name:
            colour = colours[name]  # type: ignore[assignment]
        elif letter:
            for _ in range(int(count or 1)):
                for bit in range(6):
                    if ord(letter) - 63 >> bit & 1:
                        canvas.putpixel((x, y + bit), colour)
                x += 1
        else:
            x, y = 0, y + (6 if move == "-" else 0)
    with Image.open(SCENE) as scene:
        wanted = scene.convert("RGB").resize(canvas.size)
    far = [abs(a - b) for a, b in zip(canvas.tobytes(), wanted.tobytes(), strict=True)]
    assert sum(far) / len(far) < 6
