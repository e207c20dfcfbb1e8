"""From the graph's stream to what callers see: no path of the server, files as links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessageChunk

from hugginggraph.graph import shown_path

from ..folders import without_folders, without_folders_of_errors
from .files import Files, use


class Reply:
    """Follows one run and puts what it says into the shapes of the server."""

    def __init__(self, files: Files, owner: str, thread: str) -> None:
        self._files = files
        self._owner = owner
        self._thread = thread
        self._state: dict[str, Any] = {}
        self._interrupts: list[Any] = []
        self._said = False

    def take(self, mode: str, part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """What one part of the stream tells a caller, as events."""
        return iter(list(self._events(mode, part)))

    def _events(self, mode: str, part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        if mode == "values":
            self._interrupts = list(part.get("__interrupt__") or ())
            self._state = part
        elif mode == "custom" and isinstance(part, dict) and "task" in part:
            told = {"error": without_folders(part["error"])} if part.get("error") else {}
            yield "task", self.clean({**part, **told})
        elif mode == "updates":
            yield from self._updates(part)
        elif mode == "messages":
            chunk, about = part
            said = isinstance(chunk, AIMessageChunk) and about.get("langgraph_node") == "respond"
            if said and (text := str(chunk.text)):
                self._said = True
                yield "token", {"text": self.plain(text)}

    def _updates(self, part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        for node, change in part.items():
            if not isinstance(change, dict):
                continue
            if resources := change.get("resources"):
                known = self._state.get("resources") or {}
                self._state = {**self._state, "resources": {**known, **resources}}
            plan = change.get("plan")
            if plan and plan.get("valid"):
                yield "plan", self.clean({"plan": plan, "resources": self._resources()})
            if node == "choose_models":
                yield "models", self.clean({"models": _mapped(change.get("choices") or {})})
            if node == "respond" and not self._said and change.get("answer"):
                yield "token", {"text": self.plain(change["answer"])}

    @property
    def has_files(self) -> bool:
        """Whether making the outcome touches the disk."""
        return bool(self._state.get("resources"))

    def use(self) -> None:
        """Note that all files that the run's thread knows are in use."""
        self._resources()

    def output(self) -> dict[str, Any]:
        """The whole outcome, in the shape of ``RunOutput``; files that were made become links."""
        state = self._state
        status = {"done": "done", "partial": "done"}.get(state.get("status", ""), "failed")
        data = {
            "status": "interrupted" if self._interrupts else status,
            "answer": state.get("answer") or "",
            "plan": state.get("plan"),
            "models": _mapped(state.get("choices") or {}),
            "results": state.get("results") or {},
            "resources": self._resources(),
            "usage": state.get("usage") or {},
            "thread_id": self._thread,
            "interrupt": [{"id": i.id, "value": i.value} for i in self._interrupts] or None,
            "error": state.get("error"),
        }
        out: dict[str, Any] = self.clean(data)
        return out

    def _resources(self) -> dict[str, Any]:
        out = {}
        for key, resource in (self._state.get("resources") or {}).items():
            shown = {k: v for k, v in resource.items() if k not in ("path", "name")}
            link = self._link(Path(resource["path"]))
            out[key] = {**shown, "name": Path(resource["path"]).name, "url": link}
        return out

    def _link(self, path: Path) -> str:
        """The link to an owner's file or to one that a run made, empty where there is none."""
        if path.is_relative_to(self._files.folder / self._owner):
            use(path.parent)
            return f"/files/{path.parent.name}{path.suffix.lower()}"
        made = self._files.adopt(self._owner, path) if path.is_file() else ""
        return f"/files/{made}" if made else ""

    def clean(self, value: Any) -> Any:
        """A JSON value with every path of the server in it made presentable."""
        return _mapped(value, self.plain)

    def plain(self, text: str) -> str:
        """A text with uploads by their names and made files by their links, in place of paths."""
        if "/" not in text:
            return text
        shown: dict[str, str] = {}
        for resource in (self._state.get("resources") or {}).values():
            path = Path(resource["path"])
            own = path.is_relative_to(self._files.folder / self._owner)
            name = path.name if own else f"/files/{path.name}"
            shown |= dict.fromkeys((str(path), shown_path(str(path)), resource["name"]), name)
        for spelled in sorted(shown, key=len, reverse=True):  # a short one may end a long one
            if "/" in spelled:
                text = text.replace(spelled, shown[spelled])
        text = text.replace(f"{self._files.folder / self._owner}/", "")
        return without_folders_of_errors(text, self._state)


def _mapped(value: Any, of_text: Callable[[str], str] = without_folders) -> Any:
    """A JSON value with each text in it replaced; the keys stay."""
    if isinstance(value, str):
        return of_text(value)
    if isinstance(value, dict):
        return {key: _mapped(item, of_text) for key, item in value.items()}
    return [_mapped(item, of_text) for item in value] if isinstance(value, list) else value
