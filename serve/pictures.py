"""Pictures in a terminal that can draw them: kitty's graphics, iTerm2's inline files, or sixel.

The terminal is asked what it can do; one that does not answer shows none. Within tmux or screen
it is they who answer, so nothing is drawn that they would not pass on.
"""

from __future__ import annotations

import base64
import io
import os
import re
import select
import struct
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL.Image import Image

Protocol = Literal["kitty", "iterm2", "sixel"]

_ASK = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[c"
"""Can you draw (kitty)? Who are you (XTVERSION)? What are you (DA1, which all terminals answer)?"""
_LAST = re.compile(rb"\x1b\[\?([\d;]*)c")
_RUN = re.compile(r"(.)\1{3,}")
_PATIENCE = 1.0
"""Seconds to wait for the answer of a terminal far away."""
_ROWS, _COLUMNS = 18, 72
"""The room of a picture, in cells."""
_MOST = 6
"""Pictures of one run that are drawn; the answer names them all."""


def show_pictures(state: Mapping[str, Any]) -> None:
    """Draw the pictures that a run made on stdout, each above its task's name and its file."""
    from hugginggraph.graph import shown_path

    made = _made(state)
    protocol = drawing() if made else None
    if protocol is None:
        return
    for task, path in made[:_MOST]:
        with suppress(OSError):  # a file that is gone, or is no picture after all
            sys.stdout.write(f"\n{drawn(path, protocol)}\n{task}: {shown_path(path)}\n")
    sys.stdout.flush()


def _made(state: Mapping[str, Any]) -> list[tuple[str, str]]:
    resources, results = state.get("resources") or {}, state.get("results") or {}
    return [
        (task["task"], resources[name]["path"])
        for task in (state.get("plan") or {}).get("tasks", [])
        for name in (results.get(str(task["id"])) or {}).get("files", [])
        if name in resources and resources[name]["kind"] == "image"
    ]


@cache
def drawing() -> Protocol | None:
    """How this terminal draws pictures; None for a pipe, NO_COLOR, or one that cannot."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    said = _asked()
    if b"\x1b_Gi=31;OK" in said:
        return "kitty"
    if re.search(rb"\x1bP>\|(iTerm2|WezTerm)", said):
        return "iterm2"
    last = _LAST.search(said)
    return "sixel" if last and b"4" in last[1].split(b";")[1:] else None


def _asked() -> bytes:
    """What the terminal answers, without an echo of it on the screen."""
    try:
        import termios
        import tty
    except ImportError:  # not on Windows
        return b""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    said = b""
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)
        os.write(sys.stdout.fileno(), _ASK)
        limit = time.monotonic() + _PATIENCE
        while not _LAST.search(said) and (left := limit - time.monotonic()) > 0:
            if select.select([terminal], [], [], left)[0]:
                said += os.read(terminal, 1024)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
    return said


def drawn(path: str | Path, protocol: Protocol) -> str:
    """What a terminal of this kind draws as the picture, in at most 72 by 18 cells.

    Raises:
        OSError: the file cannot be read as a picture.
    """
    from PIL import Image

    wide, high = _cell()
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    picture.thumbnail((_COLUMNS * wide, _ROWS * high))
    if protocol == "sixel":
        return _sixel(picture)
    columns = -(-picture.width // wide)
    png = io.BytesIO()
    picture.save(png, "PNG")
    data = base64.b64encode(png.getvalue()).decode()
    if protocol == "iterm2":
        return f"\x1b]1337;File=inline=1;size={len(png.getvalue())};width={columns}:{data}\a"
    parts = [data[i : i + 4096] for i in range(0, len(data), 4096)]
    first = f"a=T,f=100,q=2,c={columns},"
    return "".join(
        f"\x1b_G{first if n == 0 else ''}m={int(n < len(parts) - 1)};{part}\x1b\\"
        for n, part in enumerate(parts)
    )


def _cell() -> tuple[int, int]:
    """The width and height of a character in pixels, where the terminal tells."""
    with suppress(ImportError, OSError):
        import fcntl
        import termios

        told = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
        rows, columns, width, height = struct.unpack("HHHH", told)
        if rows and columns and width and height:
            return width // columns, height // rows
    return 10, 20


def _sixel(picture: Image) -> str:
    """DEC's sixel graphics: per band of six rows and colour, a letter for each column."""
    import numpy as np
    from PIL import Image

    paper = Image.new("RGBA", picture.size, "white")
    few = Image.alpha_composite(paper, picture).convert("RGB").quantize(64)
    colours = np.asarray(few.getpalette() or [], dtype=int).reshape(-1, 3) * 100 // 255
    pixels = np.asarray(few)
    out = [f'\x1bPq"1;1;{picture.width};{picture.height}']
    out += [f"#{n};2;{r};{g};{b}" for n, (r, g, b) in enumerate(colours)]
    bits = 1 << np.arange(6)[:, None]
    for top in range(0, len(pixels), 6):
        band = pixels[top : top + 6]
        for colour in np.unique(band):
            letters = ((band == colour) * bits[: len(band)]).sum(axis=0) + 63
            line = letters.astype(np.uint8).tobytes().decode("ascii")
            out.append(f"#{colour}{_RUN.sub(_repeated, line)}$")
        out.append("-")
    return "".join([*out, "\x1b\\"])


def _repeated(run: re.Match[str]) -> str:
    return f"!{len(run[0])}{run[1]}"
