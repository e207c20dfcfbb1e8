"""Runs of the graph for the server's callers: threads, events, cancelling, resuming."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage

from hugginggraph.graph import Parts, build_graph
from hugginggraph.registry import HuggingGraphError, RequestError, Settings
from hugginggraph.tools import reading_only

from ..folders import without_folders
from ..threads import SERVERS, open_saver, threads_before
from .fetch import fetch
from .figures import Figures
from .files import LINK, Files
from .recall import Fetched, known_when, recalled
from .refusals import Refusal
from .reply import Reply
from .shapes import Conversation, ResumeInput, RunInput, RunOutput
from .shared import Held, Slots

log = logging.getLogger("hugginggraph.server")

PLAN_ONLY = "choose_models"
"""The node before which a run stops that only plans."""
BEFORE_ANSWER = "respond"
"""The node before which a run stops that gives results and no answer."""


@dataclass(frozen=True)
class Event:
    """Something that happened in a run: started, plan, task, token, interrupt, done."""

    name: str
    data: dict[str, Any]


class Runs:
    """The graph with a store of threads, for many callers at once.

    An owner is whoever a token stands for; the names of threads and files hold only among the
    owner's own. A thread does one thing at a time. Open it before use, on the event loop that
    then serves. Where files are removed some day, runs make theirs in ``made`` of the server's
    folder, not among the command line's artifacts; given ``parts`` make them where they do.
    """

    def __init__(
        self,
        settings: Settings,
        parts: Parts | None = None,
        *,
        figures: Figures,
        shared: Path | None = None,
    ) -> None:
        self.settings = settings
        folder, days = settings.data_dir / "server", settings.server_keep_days
        self.made = folder / "made"
        own = settings.model_copy(update={"artifacts_dir": self.made}) if days else settings
        self.parts = parts or Parts(own)
        self.files = Files((folder / "files").resolve(), settings.server_upload_bytes, days)
        self._fetched = Fetched(self.files)
        self.held = Held(shared and shared / "held")
        self.slots = Slots(settings.server_runs, self.held, figures.runs)
        self.graph: Any = None
        self._graphs = dict[tuple[bool, bool], Any]()
        """By whether a run is kept, and whether only its end is wanted."""
        self._database = folder / "threads.sqlite"
        self._open = AsyncExitStack()

    async def open(self) -> None:
        """Open the store of threads and build the graph; no model is loaded."""
        self._database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        saver = await open_saver(self.settings, self._database)
        self._open.push_async_callback(saver.conn.close)
        self._loop = asyncio.get_running_loop()
        self.graph = build_graph(saver, parts=self.parts)
        for kept, graph in ((True, self.graph), (False, build_graph(parts=self.parts))):
            self._graphs[kept, False] = graph
            self._graphs[kept, True] = graph.copy({"stream_eager": False})  # an eighth cheaper

    async def close(self) -> None:
        """Let go of the store."""
        await self._open.aclose()

    def expire(self, before: float, stop: threading.Event) -> int:
        """Remove the threads whose last step is older than ``before``, seconds since 1970.

        For another thread than the event loop's. Those at work stay, and what in a database of
        several uses is not of the server: the command line's, the page's where nobody signs in.

        Returns:
            how many went.
        """
        work = self._expire(before, stop)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _expire(self, before: float, stop: threading.Event) -> int:
        saver, gone = self.graph.checkpointer, 0
        old = filter(SERVERS.match, await threads_before(saver, before))
        held = [key for key in old if self.held.take(key)]
        try:  # what somebody used until it was held is left out
            for key in set(held).intersection(await threads_before(saver, before)):
                if stop.is_set():
                    break
                await saver.adelete_thread(key)
                gone += 1
        finally:
            for key in held:
                self.held.leave(key)
        return gone

    def admit(self, thread: str) -> Callable[[], None]:
        """What ends a run of the page that begins now on the thread of this key.

        Raises:
            RequestError: too many runs, or the thread is held by another one or by a sweep.
        """
        leave = self.slots.take()
        if leave is None:
            raise RequestError("The server has as many runs as it takes.", "Try again in a moment.")
        if not self.held.take(thread):
            leave()
            raise RequestError("This chat is at work elsewhere.", "Try again in a moment.")
        return partial(self._leave, thread, leave)

    def _leave(self, key: str, leave: Callable[[], None]) -> None:
        self.held.leave(key)
        leave()

    async def run(self, owner: str, given: RunInput, *, before: str = "") -> RunOutput:
        """What comes out of a run; ``before`` names a node before which it stops.

        Raises:
            Refusal: too many runs (429), a busy thread (409), an unknown file (404).
        """
        return await self._whole(owner, given, before)

    async def resume(self, owner: str, given: ResumeInput) -> RunOutput:
        """What comes out after the answer to an interrupt.

        Raises:
            Refusal: there is no such thread (404), or it asks nothing (409).
        """
        return await self._whole(owner, given)

    async def _whole(
        self, owner: str, given: RunInput | ResumeInput, before: str = ""
    ) -> RunOutput:
        with self._admitted(owner, given) as thread:
            last = await self._work(owner, thread, given, before)
        return RunOutput.model_construct(**last.data)

    async def events(
        self, owner: str, given: RunInput | ResumeInput, *, before: str = ""
    ) -> AsyncGenerator[Event]:
        """What happens in a run, as it happens; ``done`` or ``interrupt`` comes last.

        Leaving the iteration cancels the run.

        Raises:
            Refusal: as ``run`` and ``resume`` do.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        with self._admitted(owner, given) as thread:
            work = asyncio.create_task(self._work(owner, thread, given, before, queue.put_nowait))
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            work.add_done_callback(lambda _: queue.put_nowait(None))
            try:
                yield Event("started", {"thread_id": thread})
                while (event := await queue.get()) is not None:
                    yield event
                yield await work
            finally:
                work.cancel()
                while not work.done():  # the thread is the run's until it has ended
                    with suppress(asyncio.CancelledError):
                        await asyncio.wait([work])

    @contextmanager
    def _admitted(self, owner: str, given: RunInput | ResumeInput) -> Iterator[str]:
        """The name of the run's thread, which is the run's alone inside."""
        thread = given.thread_id or secrets.token_hex(12)
        key = _key(owner, thread)
        leave = self.slots.take()
        if leave is None:
            raise Refusal(
                429, "The server has as many runs as it takes.", "Ask again in a moment.",
                {"Retry-After": "2"},
            )  # fmt: skip
        if not self.held.take(key):
            leave()
            raise Refusal(409, f"The thread '{thread}' is at work.", "Wait until it is done.")
        try:
            yield thread
        finally:
            self._leave(key, leave)

    async def _work(
        self,
        owner: str,
        thread: str,
        given: RunInput | ResumeInput,
        before: str,
        tell: Callable[[Event], None] | None = None,
    ) -> Event:
        """Runs the graph; gives the last event, and tells of those before it to who listens."""
        kept = bool(given.thread_id or given.options.approve or self.settings.approve)
        graph = self._graphs[kept, tell is None]
        reply = Reply(self.files, owner, thread if kept else "")
        config: dict[str, Any] = {"configurable": {"thread_id": _key(owner, thread)}}
        if isinstance(given, ResumeInput):
            start: Any = await self._answer(config, given)
            context: dict[str, Any] = {}
        else:
            start = await self._given(owner, given)
            context = given.options.model_dump(exclude_none=True)
        noted = not kept
        with reading_only(*self.readable(owner)), self.files.in_use(reply.use):
            async for mode, part in graph.astream(
                start,
                config,
                context=context,
                stream_mode=["values", "updates", "custom", "messages"] if tell else ["values"],
                interrupt_before=[before] if before else None,
                durability="exit" if kept else None,
            ):
                for name, data in reply.take(str(mode), part):
                    if tell:
                        tell(Event(name, data))
                if not noted and reply.has_files:  # what the thread knows from earlier on
                    noted = True
                    await asyncio.to_thread(reply.use)
        data = await asyncio.to_thread(reply.output) if reply.has_files else reply.output()
        return Event("interrupt" if data["status"] == "interrupted" else "done", data)

    def readable(self, owner: str) -> tuple[Path, ...]:
        """The folders whose files a run of the owner may read."""
        return self.files.home(owner), self.settings.artifacts_dir, self.made

    async def _answer(self, config: Any, given: ResumeInput) -> Any:
        from langgraph.types import Command

        state = await self.graph.aget_state(config)
        if not state.values:
            raise _no_thread(given.thread_id)
        if not state.interrupts:
            raise Refusal(409, f"The thread '{given.thread_id}' asks nothing.", "Start a run.")
        return Command(resume=given.answer)

    async def _given(self, owner: str, given: RunInput) -> dict[str, Any]:
        """What the graph gets: links to files put as their names, and the files themselves.

        A thread knows what was said on it; what a caller brings counts where none is named.
        """
        found: list[Path] = []

        def named(match: re.Match[str]) -> str:
            found.append(self.files.find(owner, match[1]))
            return found[-1].name

        request = LINK.sub(named, given.request)
        for name in given.files:
            if name.startswith(("http://", "https://")):
                found.append(await fetch(name, owner, self.files))
                await asyncio.to_thread(self._fetched.note, owner, name, found[-1])
            else:
                found.append(self.files.find(owner, name.removeprefix("/files/")))
        start: dict[str, Any] = {"request": request}
        if isinstance(given, Conversation) and given.before and not given.thread_id:
            longest = self.settings.max_request_chars
            said, known, earlier = await asyncio.to_thread(
                recalled, self.files, self._fetched, owner, given.before, longest
            )
            known = [path for path in known if path not in found]
            known_when(earlier, len(known))
            start |= {"messages": [*said, HumanMessage(request)], "earlier": earlier}
            found = [*known, *found]
        return {**start, "files": [str(path) for path in dict.fromkeys(found)]}

    async def history(self, owner: str, thread: str) -> list[dict[str, str]]:
        """The messages of a thread, oldest first.

        Raises:
            Refusal: the owner has no such thread (404).
        """
        state = await self.graph.aget_state({"configurable": {"thread_id": _key(owner, thread)}})
        if not state.values:
            raise _no_thread(thread)
        reply = Reply(self.files, owner, thread)
        reply.take("values", state.values)
        await asyncio.to_thread(reply.use)
        messages: Iterable[Any] = state.values.get("messages") or []
        return [{"role": _ROLES.get(m.type, m.type), "content": reply.plain(m.text)}
                for m in messages]  # fmt: skip


_ROLES = {"human": "user", "ai": "assistant"}


def _key(owner: str, thread: str) -> str:
    return f"{owner}/{thread}"


def _no_thread(thread: str) -> Refusal:
    return Refusal(404, f"There is no thread '{thread:.64}'.", "A run with its name starts one.")


def failure(exc: Exception) -> dict[str, Any]:
    """What a stream says in place of a result where the run could not go on."""
    if isinstance(exc, Refusal):
        return {"error": "Refused", "message": str(exc.detail), "hint": exc.hint,
                "status": exc.status_code}  # fmt: skip
    if isinstance(exc, HuggingGraphError):
        return {"error": type(exc).__name__, "message": without_folders(exc.message),
                "hint": without_folders(exc.hint), "status": 400}  # fmt: skip
    log.error("a run failed: %s", type(exc).__name__, exc_info=exc)
    return {"error": "Error", "message": "The server failed.", "hint": "", "status": 500}
