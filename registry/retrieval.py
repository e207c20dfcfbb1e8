"""The choice of candidates: which models fit a task of a request, and which can run it here.

Routes: what can run on this machine comes first, by score. Where the mode allows it and the remote
service is open, it is followed by what can run there, by score: models that cannot run here, and
the same models once more, for when they fail here. So nothing leaves the machine while a model
here does the task. In the mode `remote` nothing is loaded here, and only functions without weights
run here. Last comes the controller LLM, where there is one and the row is a text task that it can
do itself: after every model made for the task, and before nothing at all.

Not covered: a language or a direction of translation that can be seen neither in the card nor in
the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from . import languages, machine
from .cards import ModelCard
from .conditions import FREE, WAYS_OUT, Conditions, Rejected, no_model, policy_error
from .errors import NoModelError
from .machine import readable_size
from .ranking import Lookups, Query, Scored, ranked, served_by
from .rerank import READ, relevance
from .routes import Route
from .settings import Settings, load_settings
from .store import CardStore
from .tasks import task_type, task_types, unknown_task

RERANKED = 0.5
"""What the cross-encoder's full consent adds to a score, of which 0.2 is a clear difference."""

MARGIN = 0.15
"""A lead that settles it: of 455 labelled queries with their task the first model is the labelled
one in 0.31, and in 0.77 of those with this lead."""


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
    parts: Mapping[str, float] = field(default_factory=dict)
    dense_rank: int = 0
    lexical_rank: int = 0


@dataclass(frozen=True)
class Ranking:
    """What `explain` gives: every usable candidate, best first, and every card rejected."""

    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]


def explain(
    store: CardStore | Lookups,
    request: str,
    task: str,
    args: Mapping[str, Any],
    *,
    settings: Settings,
    others: bool = True,
) -> Ranking:
    """Everything that was weighed for a task: usable models, best first, and the rejected ones.

    `Lookups` of a store, given for all tasks of a request, look up the request only once. Without
    ``others`` the cards made for other tasks are not among the rejected ones.

    Raises:
        UnknownTaskError: there is no such task type.
        RegistryError: the store cannot be read.
    """
    task_type(task)
    lookups = store if isinstance(store, Lookups) else Lookups(store)
    query = Query.of(request, task, args)
    seen = lookups.seen(settings).get(task, {})
    conditions = Conditions(settings, query, seen=seen)
    here: list[Scored] = []
    there: list[Scored] = []
    rejected: list[Rejected] = []
    for item in ranked(lookups, query, task, others=others, seen=seen):
        route = conditions.route(item.card, task, item.local)
        if isinstance(route, tuple):
            rejected.append(Rejected(item.card.id, *route))
        elif route == "remote" or conditions.remote_obstacle(item.card, task) is None:
            there.append(item)
        if route == "local":
            here.append(item)
    if settings.reranker:
        here, there = (_read_again(items, query, settings) for items in (here, there))
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
    store: CardStore | Lookups,
    request: str,
    task: str,
    args: Mapping[str, Any],
    *,
    settings: Settings,
    k: int = 5,
    llm: str = "",
) -> list[Candidate]:
    """The models that can run a task, best first, at least one.

    A model that the settings pin to the task is the only one. Else at most k of them, but always
    the best remote one where there is one, so that a task whose models fail here can still be done.
    ``llm`` is the name of a controller LLM, which follows as one more candidate where it can do the
    task itself.

    Raises:
        PolicyError: there would be one, were it not for the policy settings.
        NoModelError: there is none; the message counts why the task's models fell out.
        UnknownTaskError: there is no such task type.
        RegistryError: the store cannot be read.
    """
    if pin := settings.pinned_models.get(task):
        cards = store.store if isinstance(store, Lookups) else store
        return [pinned(cards, pin, task, settings=settings)]
    ranking = explain(store, request, task, args, settings=settings, others=False)
    here = [c for c in ranking.candidates if c.route == "local"][:k]
    there = [c for c in ranking.candidates if c.route == "remote"][: max(k - len(here), 1)]
    found = [*here, *there, *_by_llm(task, llm)]
    if not found:
        raise _nothing(store, request, task, args, settings, ranking)
    return found


def _read_again(items: list[Scored], query: Query, settings: Settings) -> list[Scored]:
    """The first items in the order in which a cross-encoder's opinion leaves them."""
    first, rest = items[:READ], items[READ:]
    documents = [item.card.document for item in first]
    fits = relevance(settings.reranker, query.text, documents, offline=settings.offline)
    read = [
        replace(item, parts={**item.parts, "re-ranker": RERANKED * fit})
        for item, fit in zip(first, fits, strict=True)
    ]
    return [*sorted(read, key=lambda i: (query.unwanted(i.card), -i.score, i.card.id)), *rest]


def _nothing(
    store: CardStore | Lookups,
    request: str,
    task: str,
    args: Mapping[str, Any],
    settings: Settings,
    ranking: Ranking,
) -> NoModelError:
    """Why there is no candidate: for what the policy forbids, or for everything together."""
    free = settings.model_copy(update=FREE)
    if explain(store, request, task, args, settings=free).candidates:
        return policy_error(task, ranking.rejected)
    return no_model(task, ranking.rejected, settings)


def _by_llm(task: str, llm: str) -> list[Candidate]:
    row = task_type(task)
    if not (llm and row.by_llm and row.output == "text"):
        return []
    card = ModelCard(id=llm, task=task, library="llm", description="The LLM.", source="llm")
    reason = "The LLM can do this itself; it comes after the models made for it."
    return [Candidate(card, 0.0, 0.0, False, reason, route="llm")]


def route_of(card: ModelCard, task: str, *, settings: Settings) -> Route:
    """Where a model runs when nobody chose: here, or remotely where it cannot run here."""
    conditions = Conditions(settings, Query("", frozenset(), None, None))
    if conditions.closed:
        return "local"
    route = conditions.route(card, task, machine.is_local(card))
    return "local" if isinstance(route, tuple) else route


def can_serve(task: str, cards: Iterable[ModelCard], *, settings: Settings, llm: str = "") -> bool:
    """Whether a model of these cards, or the LLM, can do a task now: here or remotely."""
    if llm and task_type(task).by_llm:
        return True
    conditions = Conditions(settings, Query("", frozenset(), None, None))
    routes = (
        conditions.route(card, task, machine.is_local(card))
        for card in cards
        if card.task in served_by(task)
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
    known = {*store.records.tasks(), *task_types()}
    if task is not None and task not in known:
        raise unknown_task(task, known)
    wanted = Query.of(query, task, {})
    conditions = Conditions(settings or load_settings(), wanted)
    order = ranked(Lookups(store), wanted, task, others=task is None)
    found = [i for i in order if task is None or i.card.task == task]
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
    conditions = Conditions(
        settings or load_settings(), Query("", frozenset(), None, None), asked_for=True
    )
    route = conditions.route(card, task, local)
    if isinstance(route, tuple):
        group, reason = route
        raise NoModelError(
            f"The model '{card.id}' was asked for, but cannot run {task} here. {reason}",
            WAYS_OUT.get(group, "") or f"`hugginggraph models search --task {task}` lists others.",
        )
    where = "it is on this machine" if local else "it will be fetched from the Hub"
    where = "it runs remotely" if route == "remote" else where
    return Candidate(card, 1.0, 1.0, local, f"Asked for by name; {where}.", route)


def _candidate(
    item: Scored,
    rank: int,
    count: int,
    query: Query,
    route: Route = "local",
    obstacle: str = "",
) -> Candidate:
    reason = _reason(item, rank, count, query, route)
    return Candidate(
        item.card, item.score, item.similarity, item.local, reason, route, obstacle,
        item.parts, item.dense_rank, item.lexical_rank,
    )  # fmt: skip


def _reason(item: Scored, rank: int, count: int, query: Query, route: Route) -> str:
    """One sentence on why the card stands where it does."""
    card = item.card
    place = "only one" if count == 1 else f"{rank} of {count}"
    parts = [f"{place} for {card.task} by meaning (similarity {item.similarity:.2f})"]
    if query.spoken & set(card.languages):
        parts.append(f"knows {_language_names(card, query.spoken)}")
    if card.world:
        parts.append(f"knows only {card.world}")
    size = machine.to_fetch(card) if route == "local" and not item.local else 0
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
