"""The choice of candidates: which models fit a task of a request, and which can run it here.

Cards are ranked over the whole store by a sum whose weights stand below: they come from labelled
queries, but for those of local models and small worlds, which are a choice. Then each card meets
the conditions of running here in a fixed order; the first that it fails is why it is rejected.

Routes: what can run on this machine comes first, by score. Where the mode allows it and the remote
service is open, it is followed by what can run there, by score: models that cannot run here, and
the same models once more, for when they fail here. So nothing leaves the machine while a model
here does the task. In the mode `remote` nothing is loaded here, and only functions without weights
run here. Last comes the controller LLM, where there is one and the row is a text task that it can
do itself: after every model made for the task, and before nothing at all.

Not covered: whether a library in a task's row is installed, memory of a GPU, and a language or a
direction of translation that can be seen neither in the card nor in the request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from math import log10
from typing import Any

from . import languages, machine
from .cards import ModelCard
from .errors import NoModelError
from .machine import readable_size
from .prior import likely_tasks
from .reading import is_stub
from .routes import Route, hub_token, remote_closed, remote_obstacle
from .settings import Settings, load_settings
from .store import CardStore
from .tasks import task_type, task_types, unknown_task

WORDS = 0.1  # times the score of words, 0 to 1
PIECES = 0.6  # times the score of character pieces, 0 to 1
LIKELY_TASK = 0.08  # times the logarithm of how likely the request means the card's task
PLANNED_TASK = 0.1  # beside `LIKELY_TASK`; where a task is a filter, it moves nothing
LANGUAGE = 0.3  # knows a language that the request names or is written in
PAIR = 0.3  # translates just what was asked for, on top of the language
FOREIGN = -0.12  # knows only languages that nobody asked for
LOCAL = 0.2  # is on this machine
SMALL_WORLD = -0.2  # knows only a small world: first only where the request speaks of that world
POPULARITY = 1e-4  # times log10 of the downloads: parts equals, moves nothing else

MARGIN = 0.15
"""A lead that settles it: of 455 labelled queries with their task the first model is the labelled
one in 0.31, and in 0.77 of those with this lead."""

NEAREST = 200
"""Cards looked at beside those of the planned task."""

MEMORY_SLACK = 1.2
"""Memory that a loaded model takes, as a multiple of its weights on disk."""


@dataclass(frozen=True)
class Candidate:
    """A model that was found for a task.

    ``similarity`` is the cosine of card and request, ``score`` the sum that ranks. ``obstacle``
    says why it cannot run here; `retrieve` gives only candidates where it is empty. ``local`` says
    whether its files are here, ``route`` where it would run.
    """

    card: ModelCard
    score: float
    similarity: float
    local: bool
    reason: str
    route: Route = "local"
    obstacle: str = ""


@dataclass(frozen=True)
class Rejected:
    """A card of the store that was not taken; ``group`` counts it, ``reason`` says it in full."""

    card_id: str
    group: str
    reason: str


@dataclass(frozen=True)
class Ranking:
    """What `explain` gives: every usable candidate, best first, and every card rejected."""

    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True)
class _Query:
    """What a task wants to find: its text, languages and, of a translation, the direction."""

    text: str
    spoken: frozenset[str]
    source: str | None
    target: str | None

    @classmethod
    def of(cls, request: str, task: str | None, args: Mapping[str, Any]) -> _Query:
        given = list(_texts(args))
        row = task_types().get(task or "")
        text = request.strip() or " ".join([row.description if row else "", *given]).strip()
        written = {languages.seen(part) for part in (request, *given)} - {None}
        source, target = languages.direction(" ".join([request, *given]))
        one = next(iter(written)) if len(written) == 1 else None
        named = languages.named(request).keys() | {languages.code(part) for part in given}
        spoken = frozenset(str(code) for code in named | written if code) - {"en"}
        return cls(text, spoken, source or (one if one != target else None), target)

    def language(self, card: ModelCard) -> float:
        """What the card's languages add to its score."""
        own = set(card.languages)
        if card.translates and card.translates == (self.source, self.target):
            return LANGUAGE + PAIR
        if self.spoken & own:
            return LANGUAGE
        return FOREIGN if self.foreign(card) else 0.0

    def foreign(self, card: ModelCard) -> bool:
        """Whether the card knows only languages, or translates a pair, that nobody asked for."""
        if card.translates:
            source, target = card.translates
            wrong = self.source not in (None, source) or self.target not in (None, target)
            return wrong or not {source, target} - {"en"} <= self.spoken
        return is_foreign(card) and not self.spoken & set(card.languages)

    def unwanted(self, card: ModelCard) -> bool:
        """Whether a person would reject the card in a list, whatever its text says."""
        if card.id.rpartition("/")[2].lower() in self.text.lower():
            return False
        return card.base_only or self.foreign(card) or is_stub(card.id, card.description)


def is_foreign(card: ModelCard) -> bool:
    """Whether the card names languages, and neither English nor many are among them."""
    return bool(card.languages) and not {"en", "multilingual"} & set(card.languages)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a task's arguments, but for references to other results."""
    if isinstance(value, str):
        if not value.startswith("<resource>"):
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


@dataclass(frozen=True)
class _Scored:
    card: ModelCard
    score: float
    similarity: float
    local: bool


def _served_by(task: str) -> tuple[str, ...]:
    """The tasks whose models can run a task; itself only where the table has no row of it."""
    row = task_types().get(task)
    return row.served_by if row else (task,)


def _ranked(
    store: CardStore,
    query: _Query,
    task: str | None,
    *,
    planned: Collection[str] = (),
    installed: bool = True,
) -> list[_Scored]:
    """The nearest cards of the store and every card of the task, best first, unwanted ones last.

    ``planned`` are more tasks that a plan names. Without ``installed`` it does not matter what is
    on this machine.
    """
    named = {name for name in (task, *planned) if name is not None}
    wanted = {served for name in named for served in _served_by(name)}
    vector = store.embedder.embed_query(query.text)
    near = store.search(vector, NEAREST)
    own = [
        hit
        for name in sorted(wanted, key=str)
        for hit in store.search(vector, len(store), {"task": name})
    ]
    lexical = store.lexical.scores(query.text)
    likely = likely_tasks(vector, store.embedder.name)
    found = []
    for card, similarity in {card.id: (card, near) for card, near in (*near, *own)}.values():
        word, piece = lexical[card.id]
        local = installed and machine.is_local(card)
        score = (
            similarity
            + WORDS * word
            + PIECES * piece
            + LIKELY_TASK * likely(card.task)
            + PLANNED_TASK * (card.task in wanted)
            + query.language(card)
            + LOCAL * local
            + SMALL_WORLD * bool(card.world)
            + POPULARITY * log10(1 + (card.downloads or 0))
        )
        found.append(_Scored(card, score, similarity, local))
    return sorted(found, key=lambda i: (query.unwanted(i.card), -i.score, i.card.id))


def rank_cards(
    store: CardStore, query: str, *, tasks: Collection[str] = (), only: bool = False
) -> list[tuple[ModelCard, float]]:
    """The cards that a query finds with their scores, whatever this machine has.

    ``tasks`` are those that it plans; ``only`` leaves out the cards of others.

    Raises:
        RegistryError: the store cannot be read.
    """
    wanted = _Query.of(query, None, {})
    found = _ranked(store, wanted, None, planned=tasks, installed=False)
    return [(i.card, i.score) for i in found if not only or i.card.task in tasks]


def unwanted(cards: Iterable[ModelCard], query: str) -> set[str]:
    """The ids of what a person would reject in a list: stubs, only pretrained, other languages.

    A card that the query names is wanted.
    """
    wanted = _Query.of(query, None, {})
    return {card.id for card in cards if wanted.unwanted(card)}


class _Conditions:
    """What a card must meet to run a task here, asked of the machine once."""

    def __init__(self, settings: Settings, query: _Query, *, asked_for: bool = False) -> None:
        self.settings = settings
        self.query = query
        self.asked_for = asked_for
        self.memory = machine.memory_free()
        self.licenses = {name.lower() for name in settings.licenses}
        self.closed = remote_closed(settings)

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
        if card.task not in _served_by(task):
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
        size = card.size_bytes if card.size_bytes is not None else (card.parameters or 0) * 4
        if size > self.settings.max_model_bytes:
            yield (
                "larger than allowed",
                f"Its {readable_size(size)} are more than may be loaded.",
            )
        if size * MEMORY_SLACK > self.memory:
            free = readable_size(self.memory)
            yield (
                "more than the free memory",
                f"It has {readable_size(size)}; {free} are free.",
            )
        if local:
            return
        if not machine.hub_reachable(self.settings.offline):
            why = "The Hub cannot be reached" if not self.settings.offline else "Offline is set"
            yield (
                "not on this machine, and the Hub is out of reach",
                f"It is not on this machine. {why}.",
            )
        if self.asked_for:
            return
        if size == 0:
            yield "to be fetched, of unknown size", "It would have to be fetched; size unknown."
        if size > self.settings.max_download_bytes:
            yield (
                "larger than may be fetched",
                f"Its {readable_size(size)} may not be fetched unasked.",
            )
        if size > machine.disk_free():
            yield (
                "no room on the disk",
                f"Its {readable_size(size)} do not fit on the disk.",
            )


def explain(
    store: CardStore, request: str, task: str, args: Mapping[str, Any], *, settings: Settings
) -> Ranking:
    """Everything that was weighed for a task: usable models, best first, and the rejected ones.

    Raises:
        UnknownTaskError: there is no such task type.
        RegistryError: the store cannot be read.
    """
    task_type(task)
    query = _Query.of(request, task, args)
    conditions = _Conditions(settings, query)
    here: list[_Scored] = []
    there: list[_Scored] = []
    rejected: list[Rejected] = []
    for item in _ranked(store, query, task):
        route = conditions.route(item.card, task, item.local)
        if isinstance(route, tuple):
            rejected.append(Rejected(item.card.id, *route))
        elif route == "remote" or conditions.remote_obstacle(item.card, task) is None:
            there.append(item)
        if route == "local":
            here.append(item)
    if any(not query.foreign(item.card) for item in (*here, *there)):
        foreign = {i.card.id: i.card for i in (*here, *there) if query.foreign(i.card)}
        here = [item for item in here if item.card.id not in foreign]
        there = [item for item in there if item.card.id not in foreign]
        for card in foreign.values():
            why = f"It knows only {_language_names(card)}, which nobody asked for."
            rejected.append(Rejected(card.id, "another language", why))
    candidates = [_candidate(item, i, len(here), query) for i, item in enumerate(here, 1)]
    candidates += [
        _candidate(item, i, len(there), query, "remote") for i, item in enumerate(there, 1)
    ]
    return Ranking(tuple(candidates), tuple(rejected))


def retrieve(
    store: CardStore,
    request: str,
    task: str,
    args: Mapping[str, Any],
    *,
    settings: Settings,
    k: int = 5,
    llm: str = "",
) -> list[Candidate]:
    """The models that can run a task, best first, at least one.

    At most k of them, but always the best remote one where there is one, so that a task whose
    models fail here can still be done. ``llm`` is the name of a controller LLM, which follows as
    one more candidate where it can do the task itself.

    Raises:
        NoModelError: there is none; the message counts why the task's models fell out.
        UnknownTaskError: there is no such task type.
        RegistryError: the store cannot be read.
    """
    ranking = explain(store, request, task, args, settings=settings)
    here = [c for c in ranking.candidates if c.route == "local"][:k]
    there = [c for c in ranking.candidates if c.route == "remote"][: max(k - len(here), 1)]
    found = [*here, *there, *_by_llm(task, llm)]
    if not found:
        raise _no_model(task, ranking, settings)
    return found


def _by_llm(task: str, llm: str) -> list[Candidate]:
    row = task_type(task)
    if not (llm and row.by_llm and row.output == "text"):
        return []
    card = ModelCard(id=llm, task=task, library="llm", description="The LLM.", source="llm")
    reason = "The LLM can do this itself; it comes after the models made for it."
    return [Candidate(card, 0.0, 0.0, False, reason, route="llm")]


def route_of(card: ModelCard, task: str, *, settings: Settings) -> Route:
    """Where a model runs when nobody chose: here, or remotely where it cannot run here."""
    conditions = _Conditions(settings, _Query("", frozenset(), None, None))
    if conditions.closed:
        return "local"
    route = conditions.route(card, task, machine.is_local(card))
    return "local" if isinstance(route, tuple) else route


def can_serve(task: str, cards: Iterable[ModelCard], *, settings: Settings, llm: str = "") -> bool:
    """Whether a model of these cards, or the LLM, can do a task now: here or remotely."""
    if llm and task_type(task).by_llm:
        return True
    conditions = _Conditions(settings, _Query("", frozenset(), None, None))
    routes = (
        conditions.route(card, task, machine.is_local(card))
        for card in cards
        if card.task in _served_by(task)
    )
    return any(not isinstance(route, tuple) for route in routes)


def clear_winner(candidates: list[Candidate]) -> bool:
    """Whether the first candidate needs no second opinion: it is alone, or leads by `MARGIN`.

    Only the candidates of its own route count: which route goes first is a rule.
    """
    rivals = [c for c in candidates if c.route == candidates[0].route]
    return len(rivals) == 1 or (len(rivals) > 1 and rivals[0].score - rivals[1].score >= MARGIN)


def search(
    store: CardStore,
    query: str,
    task: str | None = None,
    k: int = 10,
    *,
    settings: Settings | None = None,
) -> list[Candidate]:
    """At most k models that a query in plain words finds, runnable here or not.

    ``task`` keeps one task type. ``settings`` (those of the environment, if not given) decide what
    ``obstacle`` says.

    Raises:
        UnknownTaskError: no card is of this task type.
        RegistryError: the store cannot be read.
    """
    known = {card.task for card in store.all_cards()} | set(task_types())
    if task is not None and task not in known:
        raise unknown_task(task, known)
    wanted = _Query.of(query, task, {})
    conditions = _Conditions(settings or load_settings(), wanted)
    found = [i for i in _ranked(store, wanted, task) if task is None or i.card.task == task]
    out = []
    for rank, item in enumerate(found[:k], 1):
        route = conditions.route(item.card, item.card.task, item.local)
        obstacle = route[1] if isinstance(route, tuple) else ""
        way: Route = "local" if isinstance(route, tuple) else route
        out.append(_candidate(item, rank, len(found), wanted, way, obstacle))
    return out


def pinned(
    store: CardStore, model_id: str, task: str, *, settings: Settings | None = None
) -> Candidate:
    """The candidate of a model that a person named; it may be fetched, whatever its size.

    Raises:
        UnknownModelError: the registry has no such model; the message names the nearest.
        UnknownTaskError: there is no such task type.
        NoModelError: the model cannot run the task here; the message says why.
    """
    task_type(task)
    card = store.card(model_id)
    local = machine.is_local(card)
    conditions = _Conditions(
        settings or load_settings(), _Query("", frozenset(), None, None), asked_for=True
    )
    route = conditions.route(card, task, local)
    if isinstance(route, tuple):
        group, reason = route
        raise NoModelError(
            f"The model '{card.id}' was asked for, but cannot run {task} here. {reason}",
            _WAYS_OUT.get(group, "") or f"`hugginggraph models search --task {task}` lists others.",
        )
    where = "it is on this machine" if local else "it will be fetched from the Hub"
    where = "it runs remotely" if route == "remote" else where
    return Candidate(card, 1.0, 1.0, local, f"Asked for by name; {where}.", route)


def _candidate(
    item: _Scored,
    rank: int,
    count: int,
    query: _Query,
    route: Route = "local",
    obstacle: str = "",
) -> Candidate:
    reason = _reason(item, rank, count, query, route)
    return Candidate(item.card, item.score, item.similarity, item.local, reason, route, obstacle)


def _reason(item: _Scored, rank: int, count: int, query: _Query, route: Route) -> str:
    """One sentence on why the card stands where it does."""
    card = item.card
    place = "only one" if count == 1 else f"{rank} of {count}"
    parts = [f"{place} for {card.task} by meaning (similarity {item.similarity:.2f})"]
    if query.spoken & set(card.languages):
        parts.append(f"knows {_language_names(card, query.spoken)}")
    if card.world:
        parts.append(f"knows only {card.world}")
    size = card.size_bytes
    fetched = "to be fetched from the Hub" + (f" ({readable_size(size)})" if size else "")
    if route == "remote":
        parts.append("run remotely" + (f" ({', '.join(card.providers)})" if card.providers else ""))
    else:
        parts.append("on this machine" if item.local else fetched)
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _language_names(card: ModelCard, among: frozenset[str] = frozenset()) -> str:
    codes = [code for code in card.languages if not among or code in among]
    return ", ".join(languages.NAMES.get(code, code) for code in codes)


ONLY_HERE = frozenset(
    {
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

_WAYS_OUT = {
    "not on this machine, and the Hub is out of reach": "Fetch one where there is a network "
    "(`hf download ID`), or go online.",
    "licence not allowed": "Allow more in HUGGINGGRAPH_LICENSES.",
    "gated": "Accept its terms on the Hub and set HUGGINGGRAPH_ALLOW_GATED=true.",
    "larger than allowed": "Raise HUGGINGGRAPH_MAX_MODEL_BYTES.",
    "larger than may be fetched": "Raise HUGGINGGRAPH_MAX_DOWNLOAD_BYTES, or fetch one with "
    "`hf download ID`.",
    "to be fetched, of unknown size": "Fetch one with `hf download ID`.",
    "more than the free memory": "Free some memory, or name a smaller model.",
    "no room on the disk": "Free some room, or move the cache with HF_HOME.",
}


def _no_model(task: str, ranking: Ranking, settings: Settings) -> NoModelError:
    """The error that counts why the cards of a task fell out, with a way out of each group."""
    way = _remote_way(task, settings)
    groups = Counter(r.group for r in ranking.rejected if r.group != "another task")
    if not groups:
        return NoModelError(
            f"The registry has no model for {task}.",
            "`hugginggraph models search QUERY` shows what it has.",
        )
    total = sum(groups.values())
    ranked = sorted(groups, key=lambda group: (-groups[group], group))
    counts = "; ".join(f"{group}: {groups[group]}" for group in ranked)
    known = f"{total} models for it are" if total > 1 else "one model for it is"
    ways = [_WAYS_OUT[group] for group in ranked if group in _WAYS_OUT]
    return NoModelError(
        f"No model can run {task} here: {known} known ({counts}).",
        " ".join([*ways[:2], *way]) or f"`hugginggraph models search {task}` lists them.",
    )


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
