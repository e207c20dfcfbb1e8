"""What an LLM wrote without what it thought aloud, as a whole and while its pieces come."""

from __future__ import annotations

import re
from collections.abc import Callable

_TAG = re.compile(r"<(/?)(?:think|thinking|thought|thoughts|reasoning)>", re.IGNORECASE)
_CHANNEL = "<|channel|>final<|message|>"
_SIGNAL = re.compile(r"<\|(?:end|return|im_end|eot_id|endoftext)\|>")
_MARK = re.compile(f"{_TAG.pattern}|{_SIGNAL.pattern}|{re.escape(_CHANNEL)}", re.IGNORECASE)


def without_thoughts(text: str) -> str:
    """The text without what a model thought aloud: closed blocks, and those with one end missing.

    A template may swallow the opening tag, and a limit of tokens the closing one.
    """
    if "<" not in text:
        return text
    text = _SIGNAL.sub("", text.rpartition(_CHANNEL)[2])
    kept, at, inside = list[str](), 0, False
    for tag in _TAG.finditer(text):
        if tag[1]:
            kept = kept if inside else []
            at, inside = tag.end(), False
        elif not inside:
            kept.append(text[at : tag.start()])
            inside = True
    return "".join([*kept, "" if inside else text[at:]])


class Aloud:
    """Passes on the pieces of a text without its thoughts; ``told`` counts what was passed on.

    Where that turns out to have been a thought, nothing more is told.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._all, self._said = list[str](), list[str]()
        self._rest = ""
        self._thinks = self._lost = False
        self.told = 0

    def take(self, piece: str) -> None:
        """Pass on what is certain now that this piece is there."""
        self._all.append(piece)
        text, at, bare = self._rest + piece, 0, ""
        for mark in _MARK.finditer(text):
            bare += "" if self._thinks else text[at : mark.start()]
            at = mark.end()
            if mark[0] == _CHANNEL or (mark[1] and not self._thinks):  # all before it was a thought
                bare, self._thinks, self._lost = "", False, self.told > 0
            elif mark[1] is not None:
                self._thinks = not mark[1]
        held = text.find("<", max(at, len(text) - len(_CHANNEL) + 1))  # may still become a mark
        held = len(text) if held < 0 else held
        self._rest = text[held:]
        self._pass(bare + ("" if self._thinks else text[at:held]))

    def finish(self) -> None:
        """Pass on the rest."""
        whole, said = without_thoughts("".join(self._all)).lstrip(), "".join(self._said)
        self._lost = not whole.startswith(said)
        self._pass(whole[len(said) :])

    def _pass(self, text: str) -> None:
        text = text if self.told else text.lstrip()
        if text and not self._lost:
            self._tell(text)
            self._said.append(text)
            self.told += len(text)
