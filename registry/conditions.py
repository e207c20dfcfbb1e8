"""The conditions that a card must meet to run a task: the model's own, policy, and the machine's.

Each card meets them in a fixed order; the first that it fails is why it is rejected.

Not covered: whether a library in a task's row is installed, and memory of a GPU.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from . import languages, machine
from .bases import base_of, whole_size
from .cards import ModelCard
from .errors import NoModelError, PolicyError
from .machine import readable_size
from .observed import NOTHING_SEEN, Seen
from .ranking import Query, served_by
from .routes import Route, hub_token, remote_closed, remote_obstacle
from .settings import Settings
from .tasks import task_type, task_types

MEMORY_SLACK = 1.2
"""Memory that a loaded model takes, as a multiple of its weights on disk."""


@dataclass(frozen=True)
class Rejected:
    """A card of the store that was not taken; ``group`` counts it, ``reason`` says it in full."""

    card_id: str
    group: str
    reason: str


class Conditions:
    """What a card must meet to run a task here, asked of the machine once."""

    def __init__(
        self,
        settings: Settings,
        query: Query,
        *,
        asked_for: bool = False,
        seen: Mapping[str, Seen] | None = None,
    ) -> None:
        self.settings = settings
        self.seen = seen or {}
        self.query = query
        self.asked_for = asked_for
        self.licenses = {name.lower() for name in settings.licenses}
        self.denied = {name.lower().strip("/") for name in settings.denied}
        self.closed = remote_closed(settings)

    @cached_property
    def memory(self) -> tuple[int, frozenset[str]]:
        """The bytes that a model could have here, and the ids of those that are loaded."""
        free, loaded = machine.memory_to_have()
        # a cluster says itself what its nodes have room for
        return sys.maxsize if self.settings.executor == "ray" else free, loaded

    def obstacle(self, card: ModelCard, task: str, local: bool) -> tuple[str, str] | None:
        """The first condition not met as (group, sentence), or None."""
        return next(chain(self._model(card, task), self._machine(card, local)), None)

    def remote_obstacle(self, card: ModelCard, task: str) -> tuple[str, str] | None:
        """The first condition of running remotely that is not met, or None."""
        here = (failed for failed in self._model(card, task) if failed[0] not in ONLY_HERE)
        if failed := next(here, None):
            return failed
        if why := self.closed or remote_obstacle(card, task, self.settings):
            return "not remotely", why
        return None

    def route(self, card: ModelCard, task: str, local: bool) -> Route | tuple[str, str]:
        """The first route that is open to the card, or why none is."""
        failed = self.obstacle(card, task, local)
        if failed is None:
            return "local"
        if failed[0] not in ONLY_HERE:
            return failed
        remotely = self.remote_obstacle(card, task)
        if remotely is None:
            return "remote"
        if self.settings.mode == "remote":
            return remotely
        return failed if self.closed else (failed[0], f"{failed[1]} Remotely: {remotely[1]}")

    def _model(self, card: ModelCard, task: str) -> Iterator[tuple[str, str]]:
        """Conditions of the model itself and of policy."""
        if card.task not in served_by(task):
            yield "another task", f"It is made for {card.task}, not for {task}."
        if card.translates and not self._direction(*card.translates):
            source, target = (languages.NAMES.get(code, code) for code in card.translates)
            yield "translates another pair", f"It translates from {source} to {target}."
        row = task_types().get(task)
        if row is None or card.library not in row.runners:
            yield "no runner for its library", f"Nothing here runs {task} with {card.library}."
        if card.base_only:
            yield "only pretrained", "It is only pretrained and gives no answers as it is."
        if "tiny-random" in card.id.lower():
            yield "a stub for tests", "It is a stub with random weights."
        if {card.id.lower(), card.id.partition("/")[0].lower()} & self.denied:
            yield "denied", "It, or its author, is denied by HUGGINGGRAPH_DENIED."
        if self.licenses and (card.license or "").lower() not in self.licenses:
            license_ = card.license or "unknown"
            yield "licence not allowed", f"Its licence ({license_}) is not among those allowed."
        if card.gated and not self.settings.allow_gated:
            yield "gated", "It is gated, and gated models are not allowed."

    def _direction(self, source: str, target: str) -> bool:
        query = self.query
        return query.source in (None, source) and query.target in (None, target)

    def _machine(self, card: ModelCard, local: bool) -> Iterator[tuple[str, str]]:
        """Conditions of size and of where the files are."""
        if self.settings.mode == "remote" and card.library not in machine.WITHOUT_FILES:
            yield "the mode is remote", "The mode is remote, so no model is loaded here."
        if extra := machine.missing_extra(card.library):
            why = f"It runs in the library {card.library}, which is not installed."
            yield _no_extra(extra), why
        size, base = whole_size(card), base_of(card)
        beside = f" with '{base.id}', which it needs," if base else ""
        if size > self.settings.max_model_bytes:
            yield (
                "larger than allowed",
                f"Its {readable_size(size)}{beside} are more than may be loaded.",
            )
        taken = self.seen.get(card.id, NOTHING_SEEN).memory_bytes
        free, loaded = self.memory
        if card.id not in loaded and max(size * MEMORY_SLACK, taken) > free:
            room = readable_size(free)
            yield (
                "more than the free memory",
                f"It has {readable_size(size)}{beside.rstrip(',')}; {room} can be free.",
            )
        if local:
            return
        if card.path or card.source == "local":
            gone = f"Its folder '{card.path}' does not hold it whole any more."
            elsewhere = "It is in a folder of another machine."
            yield "its folder is not there", gone if card.path else elsewhere
        if card.library in machine.PICKLED:
            how = f"{machine.way_to_get(card)} saves it as safetensors, once."
            yield "published as a pickle only", f"It is published as a pickle; {how}"
        if self.settings.only_local:
            yield "not on this machine", "It is not on this machine, and only local is set."
        if not machine.hub_reachable(self.settings.offline):
            why = "The Hub cannot be reached" if not self.settings.offline else "Offline is set"
            what = "It" if base is None else f"It, or '{base.id}', which it needs,"
            yield (
                "not on this machine, and the Hub is out of reach",
                f"{what} is not on this machine. {why}.",
            )
        if self.asked_for:
            return
        fetched = machine.to_fetch(card)
        if fetched == 0:
            yield "to be fetched, of unknown size", "It would have to be fetched; size unknown."
        if fetched > self.settings.max_download_bytes:
            yield (
                "larger than may be fetched",
                f"Its {readable_size(fetched)}{beside} may not be fetched unasked.",
            )
        if fetched > machine.disk_free():
            yield (
                "no room on the disk",
                f"Its {readable_size(fetched)}{beside} do not fit on the disk.",
            )


def _no_extra(extra: str) -> str:
    return f"the extra '{extra}' is not installed"


ONLY_HERE = frozenset(
    {
        *(_no_extra(extra) for extra in machine.EXTRAS.values()),
        "published as a pickle only",
        "no runner for its library",
        "gated",
        "the mode is remote",
        "larger than allowed",
        "more than the free memory",
        "not on this machine, and the Hub is out of reach",
        "to be fetched, of unknown size",
        "larger than may be fetched",
        "no room on the disk",
    }
)
"""What keeps a model from running on this machine, and not from running remotely."""

WAYS_OUT = {
    **{_no_extra(e): f'`pip install "hugginggraph[{e}]"`.' for e in machine.EXTRAS.values()},
    "published as a pickle only": "Save one as safetensors: `hugginggraph models convert ID`.",
    "not on this machine, and the Hub is out of reach": "Fetch one where there is a network "
    "(`hf download ID`), or go online.",
    "its folder is not there": "Put it back, or import it anew with "
    "`hugginggraph models sync --from FILE`.",
    "licence not allowed": "Allow more in HUGGINGGRAPH_LICENSES.",
    "denied": "Take it, or its author, out of HUGGINGGRAPH_DENIED.",
    "not on this machine": "Fetch one with `hf download ID`, or unset HUGGINGGRAPH_ONLY_LOCAL.",
    "gated": "Accept its terms on the Hub and set HUGGINGGRAPH_ALLOW_GATED=true.",
    "larger than allowed": "Raise HUGGINGGRAPH_MAX_MODEL_BYTES.",
    "larger than may be fetched": "Raise HUGGINGGRAPH_MAX_DOWNLOAD_BYTES, or fetch one with "
    "`hf download ID`.",
    "to be fetched, of unknown size": "Fetch one with `hf download ID`.",
    "more than the free memory": "Free some memory, or name a smaller model.",
    "no room on the disk": "Free some room, or move the cache with HF_HOME.",
}


FREE = {
    "licenses": (),
    "denied": (),
    "allow_gated": True,
    "only_local": False,
    "max_model_bytes": 10**18,
}
"""The policy settings, as they are where everything is allowed."""

_POLICY = {
    "licence not allowed": "HUGGINGGRAPH_LICENSES",
    "denied": "HUGGINGGRAPH_DENIED",
    "gated": "HUGGINGGRAPH_ALLOW_GATED",
    "not on this machine": "HUGGINGGRAPH_ONLY_LOCAL",
    "larger than allowed": "HUGGINGGRAPH_MAX_MODEL_BYTES",
}


def policy_error(task: str, rejected: Sequence[Rejected]) -> PolicyError:
    """The error that says which policy removed which models, where nothing else stands against."""
    by_group = {group: [r.card_id for r in rejected if r.group == group] for group in _POLICY}
    removed = [
        f"{group}: {len(ids)} ({_POLICY[group]}: {', '.join(ids[:3])}{', …' if ids[3:] else ''})"
        for group, ids in by_group.items()
        if ids
    ]
    ways = [WAYS_OUT[group] for group, ids in by_group.items() if ids]
    return PolicyError(
        f"The policy that is set leaves no model for {task}: {'; '.join(removed)}.",
        " ".join(ways),
    )


def no_model(task: str, rejected: Sequence[Rejected], settings: Settings) -> NoModelError:
    """The error that counts why the cards of a task fell out, with a way out of each group."""
    way = _remote_way(task, settings)
    groups = Counter(r.group for r in rejected if r.group != "another task")
    if not groups:
        return NoModelError(
            f"The registry has no model for {task}.",
            " ".join([*_llm_way(task), "`hugginggraph models search QUERY` shows what it has."]),
        )
    total = sum(groups.values())
    ranked = sorted(groups, key=lambda group: (-groups[group], group))
    counts = "; ".join(f"{group}: {groups[group]}" for group in ranked)
    known = f"{total} models for it are" if total > 1 else "one model for it is"
    ways = [WAYS_OUT[group] for group in ranked if group in WAYS_OUT]
    return NoModelError(
        f"No model can run {task} here: {known} known ({counts}).",
        " ".join([*_llm_way(task), *ways[:2], *way])
        or f"`hugginggraph models search {task}` lists them.",
    )


def _llm_way(task: str) -> list[str]:
    """The LLM as a way out, where one that is named can do the task itself."""
    return ["Name an LLM with --llm: it does this itself."] if task_type(task).by_llm else []


def _remote_way(task: str, settings: Settings) -> list[str]:
    """What opens the remote route to a task, where it has one and that is closed."""
    if not task_type(task).remote or (settings.offline and settings.mode != "remote"):
        return []
    if settings.mode == "local":
        return ["Or set HUGGINGGRAPH_MODE=hybrid to run one remotely."]
    closed = remote_closed(settings)
    if closed and not settings.hf_base_url and not hub_token(settings):
        return ["Or set HF_TOKEN to run one remotely."]
    return [f"None can run remotely: {closed}"] if closed else []
