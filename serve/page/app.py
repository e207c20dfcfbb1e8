"""The page: a Gradio app around one chat, mounted on any FastAPI server.

A conversation belongs to the browser that began it: its id is 128 random bits that only this
browser's own storage holds. Where people sign in, each owner has a Gradio app of its own, with its
own uploads, queue and threads: what another's browser names does not exist there.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.exceptions import InvalidPathError

from hugginggraph.graph import Parts
from hugginggraph.registry import HuggingGraphError

from .chats import SAMPLES, Admit, Chats, free, unnoted
from .render import Example, conversation

if TYPE_CHECKING:
    from fastapi import FastAPI
    from langgraph.checkpoint.base import BaseCheckpointSaver

_HERE = Path(__file__).resolve().parent
_EXAMPLES: tuple[Example, ...] = (
    ("Describe this picture and find the objects in it", ["scene.png"]),
    ("Count the objects", ["crowd.png"]),
    ("Summarize the article and say whether it is about science, business or sport",
     ["article.txt"]),
    ("Which of these is about sport: 'They won 3-1', 'Parliament met', 'She ran a marathon'?", []),
)  # fmt: skip
_UNSAID = {
    "image": "Describe this picture",
    "audio": "Transcribe this recording",
    "video": "Describe this video",
    "text": "Summarize this text",
}
"""What is asked where somebody sends a file and no word, by the file's kind."""


def examples() -> list[Example]:
    """The requests to click; those with files only where the files came along."""
    found = [(request, [str(SAMPLES / name) for name in names]) for request, names in _EXAMPLES]
    return [each for each in found if all(Path(path).is_file() for path in each[1])]


def mount_page(
    app: FastAPI,
    parts: Parts,
    *,
    path: str = "/",
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    owner: str = "",
    admit: Admit = free,
    use: Callable[[Path], None] = unnoted,
) -> FastAPI:
    """Put the page on a server; mount it last where ``path`` is the root.

    ``parts`` are shared with whatever else the server runs. Threads are kept in the user's SQLite
    file, or by the ``checkpointer`` that is given. With an ``owner`` it is the page of this owner
    alone, and ``parts`` make their files where only this owner's do; whoever calls it sees to it
    that nobody else reaches it. ``admit`` counts the runs; ``use`` is told the files in use.
    """
    alive = f"{path.rstrip('/')}/page/alive"
    app.add_api_route(alive, lambda: {"alive": True}, include_in_schema=False)
    chats = Chats(parts, checkpointer, owner, admit, use)
    uploads = parts.settings.data_dir.absolute() / "page" / owner  # as lasting as the chats
    uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with inner(app) as state:
            yield state
            await chats.close()

    app.router.lifespan_context = lifespan
    artifacts = Path(parts.settings.artifacts_dir).absolute()
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_page(chats, uploads),
        path=path,
        allowed_paths=[str(artifacts), str(SAMPLES)],
        max_file_size=parts.settings.server_upload_bytes,
        css=(_HERE / "style.css").read_text(encoding="utf-8"),
        head=f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>",
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace"]),
        footer_links=[],
        run_history=False,
        show_error=True,
        ssr_mode=False,
    )
    route: Any = mounted.routes[-1]
    route.app.uploaded_file_dir = str(uploads)
    return mounted


class OwnFiles(gr.Blocks):  # type: ignore[misc]  # Gradio's door gives it lazily
    """A Gradio app that takes for an upload what lies in its own folder and nothing else.

    Gradio's own check knows one folder for the whole process, and is off where an app is mounted.
    """

    uploads = Path()

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any, *rest: Any
    ) -> Any:
        """What an event's function is given.

        Raises:
            InvalidPathError: the browser names a file that it did not upload.
        """
        for path in _paths(inputs):
            if not Path(path).resolve().is_relative_to(self.uploads.resolve()):
                raise InvalidPathError("This file was not uploaded here.")
        for block in block_fn.inputs:  # made anew by updates, with the process's folder for files
            if state is not None and block._id in state:
                state[block._id].GRADIO_CACHE = str(self.uploads)
        return await super().preprocess_data(block_fn, inputs, state, *rest)


def _paths(value: Any) -> Iterator[str]:
    """Every path that stands for a file in what a browser sent."""
    if isinstance(value, dict):
        if isinstance(value.get("path"), str):
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _paths(item)


def build_page(chats: Chats, uploads: Path) -> Any:
    """The Gradio app of a page that keeps what it takes in in the folder ``uploads``."""

    head_of = partial(header, signed_in=bool(chats.owner))

    def box(busy: bool, value: Any = None) -> Any:
        kept = {} if value is None else {"value": value}
        return gr.MultimodalTextbox(submit_btn=not busy, stop_btn=busy, **kept)

    async def view(thread: str) -> str:
        return conversation(await chats.turns(thread), examples())

    async def follow(thread: str) -> AsyncIterator[tuple[str, Any]]:
        earlier = [turn for turn in await chats.turns(thread) if turn.status != "running"]
        async for turn in chats.follow(thread):
            busy = turn.status == "running"
            yield conversation([*earlier, turn], examples()), box(busy)

    async def load(browser: Any) -> AsyncIterator[tuple[Any, str, Any, str]]:
        known = _own(browser)
        thread = known["thread"]
        if any(each["id"] == thread for each in known["chats"]) and not await chats.turns(thread):
            known["chats"] = [each for each in known["chats"] if each["id"] != thread]
            gr.Info("This chat is no longer kept here.")
        head = head_of(known)
        if browser is None:
            yield known, conversation([], examples()), box(False), head
        yield known, await view(thread), box(chats.running(thread)), head
        if chats.running(thread):
            async for page, text in follow(thread):
                yield known, page, text, head

    async def ask(
        browser: Any, request: str, files: list[str], first: bool
    ) -> AsyncIterator[tuple[Any, str, Any, str]]:
        known = _own(browser)
        thread = known["thread"]
        request = request.strip() or _unsaid(files)
        if not request:
            gr.Info("Write what you would like to know, or add a file.")
            yield known, await view(thread), box(False), head_of(known)
            return
        try:
            await chats.start(thread, request, files, approve=first)
        except HuggingGraphError as exc:
            gr.Warning(str(exc))
            yield known, await view(thread), box(True), head_of(known)
            return
        known = _titled(known, request)
        head = head_of(known)
        yield known, await view(thread), box(True, {"text": "", "files": []}), head
        async for page, text in follow(thread):
            yield known, page, text, head

    async def submit(
        given: Any, known: Any, first: bool
    ) -> AsyncIterator[tuple[Any, str, Any, str]]:
        files = [each if isinstance(each, str) else each["path"] for each in given["files"]]
        async for out in ask(known, given["text"] or "", files, first):
            yield out

    async def act(
        event: gr.EventData, known: Any, first: bool
    ) -> AsyncIterator[tuple[Any, str, Any, str]]:
        what, value = event._data["act"], event._data.get("value")
        known = _own(known)
        if what == "example":
            request, files = examples()[int(value)]
            async for out in ask(known, request, files, first):
                yield out
            return
        if what in ("continue", "approve", "edit", "reject"):
            decision = None if what == "continue" else _decision(what, str(value or ""))
            try:
                await chats.go_on(known["thread"], decision)
            except HuggingGraphError as exc:
                gr.Warning(str(exc))
        elif what == "new":
            known = _new_chat(known["chats"])
        elif what == "open":
            known = {**known, "thread": str(value)}
        async for out in load(known):
            yield out

    async def stop(known: Any) -> None:
        await chats.stop(_own(known)["thread"])

    with OwnFiles(title="HuggingGraph", analytics_enabled=False) as page:
        browser = gr.BrowserState(None, **_storage(chats.owner))
        listen = "hugginggraph.listen(element, trigger)"
        head = gr.HTML(head_of(_new_chat([])), elem_id="hg-head", js_on_load=listen)
        talk = gr.HTML(
            conversation([], examples()),
            elem_id="hg-talk",
            html_template='<div class="hg-talk" aria-live="polite"></div>',
            js_on_load=f"hugginggraph.draw(element, props, watch); {listen}",
        )
        text = gr.MultimodalTextbox(
            elem_id="hg-ask",
            sources=["upload", "microphone"],
            file_count="multiple",
            file_types=["image", "audio", "video", "text", ".md", ".csv"],
            placeholder="Ask, or add a file …",
            label="Your request",
            show_label=False,
            max_lines=8,
            max_plain_text_length=100_000,
            autofocus=True,
        )
        first = gr.Checkbox(
            label="Show me the plan before it runs", elem_id="hg-first", container=False
        )
        out: Any = [browser, talk, text, head]
        free: Any = {
            "concurrency_limit": None,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        page.load(load, browser, out, **free)
        text.submit(submit, [text, browser, first], out, **free)
        text.stop(stop, browser, None, **free)
        talk.click(act, [browser, first], out, **free)
        head.click(act, [browser, first], out, **free)
    page.uploads = uploads
    for block in page.blocks.values():
        block.GRADIO_CACHE = str(uploads)
    page.queue(default_concurrency_limit=None)
    return page


def _storage(owner: str) -> dict[str, str]:
    """Where a browser keeps the ids of its chats, apart for each owner that signs in there.

    With owners it is locked with a key that the page tells its own owner only: whoever uses the
    browser next cannot read what was asked.
    """
    if not owner:
        return {"storage_key": "hugginggraph", "secret": "readable by the browser it belongs to"}
    place, key = (hashlib.sha256(f"{what} {owner}".encode()).hexdigest()[:32] for what in "pk")
    return {"storage_key": f"hugginggraph-{place}", "secret": key}


def header(known: dict[str, Any], *, signed_in: bool = False) -> str:
    """The line at the top: the name, earlier chats of this browser, a new one, light or dark."""
    chats = "".join(
        f'<button data-act="open" data-value="{escape(each["id"], quote=True)}"'
        f"{' aria-current=true' if each['id'] == known['thread'] else ''}>"
        f"{escape(each['title'])}</button>"
        for each in reversed(known["chats"])
    )
    menu = (
        f'<details class="hg-menu"><summary>Chats</summary><nav>{chats}</nav></details>'
        if chats
        else ""
    )
    leave = "<button data-leave>Sign out</button>" if signed_in else ""
    return (
        f'<header class="hg-header"><strong>HuggingGraph</strong><span>{menu}'
        '<button data-act="new">New chat</button><button data-theme aria-label="Switch between '
        f'light and dark">◐</button>{leave}</span></header>'
    )


def _decision(kind: str, written: str) -> dict[str, Any]:
    if kind != "edit":
        return {"type": kind, "message": written} if kind == "reject" else {"type": kind}
    try:
        args = json.loads(written)
    except ValueError:
        args = {"tasks": written}  # the graph says what is wrong with it
    return {"type": kind, "edited_action": {"name": "run_plan", "args": args}}


def _new_chat(chats: list[Any]) -> dict[str, Any]:
    return {"thread": uuid.uuid4().hex, "chats": chats}


def _own(known: dict[str, Any] | None) -> dict[str, Any]:
    """What the browser kept; a new chat where it names a thread that no page has made."""
    made = known and re.fullmatch("[0-9a-f]{32}", str(known["thread"]))
    return known if known and made else _new_chat(known["chats"] if known else [])


def _titled(known: dict[str, Any], request: str) -> dict[str, Any]:
    if any(each["id"] == known["thread"] for each in known["chats"]):
        return known
    entry = {"id": known["thread"], "title": request[:60]}
    return {**known, "chats": [*known["chats"][-19:], entry]}


def _unsaid(files: list[str]) -> str:
    kinds = [(mimetypes.guess_type(path)[0] or "text/").partition("/")[0] for path in files]
    return _UNSAID.get(kinds[0], "Describe this file") if kinds else ""
