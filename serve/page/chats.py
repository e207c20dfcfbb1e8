"""The conversations of a page: each a thread of the graph, its run independent of any browser.

A run belongs to the server: a page that is reloaded or narrowed to a telephone follows it again.
Whatever a request names, a run reads the files of its own chat, the shipped examples and what runs
made; the chat's files are those that the page itself took in. Where people sign in, each owner has
chats of its own: the owner is part of every thread's key, whatever id a browser names.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.types import Command

from hugginggraph.graph import Context, Parts, build_graph, task_states
from hugginggraph.registry import HuggingGraphError, RequestError
from hugginggraph.tools import reading_only

from ..stages import STAGES

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

SAMPLES = Path(__file__).resolve().parents[2] / "examples"
"""The files of the shipped examples."""


Admit = Callable[[str], Callable[[], None]]
"""Gives what is called at the end of a run on the thread of a key, or raises a RequestError."""


def free(_: str) -> Callable[[], None]:
    """Any number of runs."""
    return lambda: None


def unnoted(_: Path) -> None:
    """Whether a file is in use is nobody's concern."""


class Turn:
    """A request and what became of it: ``state`` as the graph holds it, ``tasks`` as drawn.

    ``status`` is running, waiting (for a decision on the plan), done, partial, failed or stopped;
    ``review`` is what is to be decided, ``trouble`` an error outside of the graph's own.
    """

    def __init__(self, state: dict[str, Any], status: str, trouble: str = "") -> None:
        self.state = state
        self.status = status
        self.trouble = trouble
        self.stage = "Reading the request"
        self.tasks = task_states(state)
        self.made: dict[str, Any] = {}
        self.review: dict[str, Any] | None = None

    def take(self, mode: str, part: Any) -> None:
        """Take in one event of the graph's stream."""
        if mode == "values":
            if part.get("started") != self.state.get("started"):
                self.state = dict(part)
            else:
                self.state |= part
            drawn = task_states(self.state)
            self.tasks = {n: drawn[n] | self._live(n, drawn[n]) for n in drawn}
        elif mode == "custom" and "task" in part:
            self.tasks.setdefault(part["task"], {}).update(part)
        elif mode == "updates":
            for node, change in part.items():
                self.stage = STAGES.get(node, self.stage)
                if isinstance(change, dict) and "attempts" in change:
                    self.made[node.partition(":")[0]] = change
                elif isinstance(change, dict):
                    self.state |= {k: v for k, v in change.items() if k in ("plan", "choices")}

    def _live(self, number: int, drawn: dict[str, Any]) -> dict[str, Any]:
        """What the stream said of a task whose result is not in the state yet."""
        return self.tasks.get(number, {}) if drawn["state"] == "queued" else {}

    def pause(self, interrupts: Any) -> None:
        """The run is not at its end: it was stopped, or waits for a decision."""
        if interrupts:
            self.status, self.review = "waiting", interrupts[0].value
        else:
            self.end("stopped")

    def end(self, status: str, trouble: str = "") -> None:
        """Mark what did not come to its end as stopped, what nobody stopped and never began as
        skipped."""
        self.status, self.trouble = status, trouble
        for now in self.tasks.values():
            if now.get("state") not in ("done", "failed", "skipped"):
                never = status != "stopped" and now.get("state") == "queued"
                now["state"] = "skipped" if never else "stopped"


class Run:
    """A turn at work; ``news`` wakes everyone who follows it, ``leave`` makes room for another."""

    def __init__(self, turn: Turn, leave: Callable[[], None]) -> None:
        self.turn = turn
        self._leave = leave
        self.task: asyncio.Task[None] | None = None
        self.news = asyncio.Event()
        self.over = False

    def tell(self) -> None:
        """Wake those who follow."""
        self.news.set()
        self.news = asyncio.Event()

    def finish(self) -> None:
        """Make room for the next run, then tell that this one is over; again, do nothing."""
        if not self.over:
            if self.turn.status == "running":  # it had not begun yet
                self.turn.end("stopped")
            self._leave()
            self.over = True
            self.tell()


class Chats:
    """All conversations of one owner, by the id that only their browser knows.

    ``owner`` is empty where nobody signs in. ``use`` is told each file of a chat that is opened or
    at work.
    """

    def __init__(
        self,
        parts: Parts,
        checkpointer: BaseCheckpointSaver[Any] | None = None,
        owner: str = "",
        admit: Admit = free,
        use: Callable[[Path], None] = unnoted,
    ) -> None:
        self.parts = parts
        self.owner = owner
        self._admit = admit
        self._use = use
        self._checkpointer = checkpointer
        self._graph: Any = None
        self._opening = asyncio.Lock()
        self._runs: dict[str, Run] = {}
        self._connection: Any = None

    async def close(self) -> None:
        """Stop what runs and let go of the store, whose thread would keep the process alive."""
        for thread in list(self._runs):
            await self.stop(thread)
        if self._connection is not None:
            await self._connection.close()

    async def graph(self) -> Any:
        """The graph on the store of threads, opened on first use."""
        async with self._opening:
            if self._graph is None:
                if self._checkpointer is None:
                    from ..threads import open_saver

                    path = self.parts.settings.data_dir / "threads.sqlite"
                    self._checkpointer = saver = await open_saver(self.parts.settings, path)
                    self._connection = saver.conn
                self._graph = build_graph(self._checkpointer, parts=self.parts)
            return self._graph

    def running(self, thread: str) -> bool:
        """Whether a request of the thread is at work."""
        return thread in self._runs and not self._runs[thread].over

    async def turns(self, thread: str) -> list[Turn]:
        """The turns of a thread that are on disk, the oldest first, and the one at work."""
        graph, found = await self.graph(), dict[float, Turn]()
        live = self._runs.get(thread)
        busy = live is not None and not live.over
        async for snapshot in graph.aget_state_history(self._config(thread)):
            values, started = snapshot.values, snapshot.values.get("started")
            if started is None or started in found or _not_begun(snapshot):
                continue
            self._note(values)
            found[started] = turn = Turn(values, values.get("status", "done"))
            if snapshot.next:
                turn.pause(snapshot.interrupts)
            else:
                turn.end(turn.status)
        if live and busy:
            found.pop(live.turn.state.get("started", 0.0), None)
        turns = [found[key] for key in sorted(found)]
        return [*turns, live.turn] if live and busy else turns

    async def start(
        self, thread: str, request: str, files: list[str], *, approve: bool = False
    ) -> None:
        """Begin a request in a thread; with ``approve`` the plan waits for a decision.

        Raises:
            RequestError: another one is at work there, too many are elsewhere, or it is swept.
        """
        if self.running(thread):
            raise RequestError(
                "A request is still running in this chat.", "Wait for it, or stop it."
            )
        given = {"request": request, "files": files}
        self._begin(thread, Turn(dict(given), "running"), given, Context(approve=approve))

    async def go_on(self, thread: str, decision: dict[str, Any] | None = None) -> None:
        """Finish what a stopped run of the thread left; what is done is not done again.

        ``decision`` is on the plan that waits: approve, edit with ``edited_action``, or reject.

        Raises:
            RequestError: too many runs are at work, or it is at work elsewhere.
        """
        if not self.running(thread):
            values = await self._state(thread)
            given: Any = Command(resume={"decisions": [decision]}) if decision else None
            turn = Turn(dict(values), "running")
            turn.stage = "Going on"
            self._begin(thread, turn, given, Context())

    async def _state(self, thread: str) -> dict[str, Any]:
        state: dict[str, Any] = (await (await self.graph()).aget_state(self._config(thread))).values
        return state

    def _begin(self, thread: str, turn: Turn, given: Any, context: Context) -> None:
        run = self._runs[thread] = Run(turn, self._admit(self._key(thread)))
        run.task = asyncio.create_task(self._work(thread, run, given, context))
        run.task.add_done_callback(lambda _: run.finish())

    async def _work(self, thread: str, run: Run, given: Any, context: Context) -> None:
        turn = run.turn
        try:
            graph = await self.graph()
            state = await self._state(thread)
            for each in (turn.state, state):
                self._note(each)
            with reading_only(*self._readable(turn, state)):
                async for mode, part in graph.astream(
                    given,
                    self._config(thread),
                    context=context,
                    stream_mode=["updates", "custom", "values"],
                ):
                    turn.take(mode, part)
                    if mode == "values":
                        self._note(turn.state)
                    run.tell()
            snapshot = await graph.aget_state(self._config(thread))
            if snapshot.next:
                turn.pause(snapshot.interrupts)
            else:
                turn.end(turn.state.get("status", "done"))
        except asyncio.CancelledError:
            turn.end("stopped")
        except HuggingGraphError as exc:
            turn.end("failed", str(exc))
        finally:
            if turn.status == "running":
                turn.end("failed", "Something went wrong here. The server's log says what.")
            run.finish()

    def _config(self, thread: str) -> Any:
        return {"configurable": {"thread_id": self._key(thread)}}

    def _key(self, thread: str) -> str:
        return f"{self.owner}/page/{thread}" if self.owner else thread

    def _readable(self, turn: Turn, state: dict[str, Any]) -> list[Path]:
        """What a run may read: a file here stands for itself, a folder for all below it."""
        return [self.parts.settings.artifacts_dir, SAMPLES, *_files(turn.state), *_files(state)]

    def _note(self, state: dict[str, Any]) -> None:
        for path in _files(state):
            self._use(path)

    async def stop(self, thread: str) -> None:
        """Stop the thread's run; what is done stays."""
        run = self._runs.get(thread)
        if run and run.task and not run.over:
            run.task.cancel()
            with suppress(asyncio.CancelledError):
                await run.task
            run.finish()

    async def follow(self, thread: str) -> AsyncIterator[Turn]:
        """The turn at work, again with every event, and a last time when it is over."""
        run = self._runs.get(thread)
        while run is not None:
            news, over = run.news, run.over
            yield run.turn
            if over:
                return
            await news.wait()


def _files(state: dict[str, Any]) -> list[Path]:
    """The files of a chat: those given with its request, and those of its state."""
    given = [Path(path) for path in state.get("files") or []]
    return [*given, *(Path(each["path"]) for each in (state.get("resources") or {}).values())]


def _not_begun(snapshot: Any) -> bool:
    """Whether a new request is written over the last one's state and nothing more."""
    return (snapshot.metadata or {}).get("source") == "input" or "ingest" in snapshot.next
