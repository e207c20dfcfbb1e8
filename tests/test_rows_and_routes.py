"""Every row on every route: it is open, or a sentence says why not before anything is chosen.

The pairs come from the table; what a service serves comes from huggingface_hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from hub_server import HubServer, hub_server
from huggingface_hub import constants
from huggingface_hub.inference._providers import PROVIDERS

from hugginggraph.registry import (
    Lookups,
    ModelCard,
    NoModelError,
    Settings,
    TaskType,
    explain,
    remote_obstacle,
    retrieve,
    task_types,
)
from hugginggraph.registry.errors import HuggingGraphError
from hugginggraph.registry.store import CardStore
from hugginggraph.tools import run_remotely

resolve_remote = import_module("hugginggraph.tools.inference").resolve_remote
ROWS = task_types()
MACHINE = "hugginggraph.registry.machine"
BY_PROVIDER_ONLY = {"text-to-video", "image-to-video"}
"""Rows that huggingface_hub asks of a provider, and never of an Inference API of one's own."""


@pytest.fixture(scope="module")
def cards() -> list[ModelCard]:
    """A model of each row and library, none of them on this machine."""
    return [
        ModelCard(
            id=f"acme/{row.id}-{library}", task=row.id, library=library, description=row.description
        )
        for row in ROWS.values()
        for library in row.runners
    ]


@pytest.fixture(scope="module")
def lookups(tmp_path_factory: pytest.TempPathFactory, cards: list[ModelCard]) -> Lookups:
    return Lookups(CardStore.open(tmp_path_factory.mktemp("registry"), cards))


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with hub_server({}) as server:
        yield server


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUGGINGGRAPH_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(f"{MACHINE}.hub_reachable", lambda offline=False: not offline)


def routes(server: HubServer) -> dict[str, Settings]:
    """Each way of running remotely, by the provider that it asks."""
    by_name = {str(name): Settings(hf_token="hf_x", hf_provider=name) for name in PROVIDERS}
    return {
        "auto": Settings(hf_token="hf_x"),
        "one's own": Settings(hf_base_url=server.url),
        **by_name,
    }


def card_of(row: TaskType) -> ModelCard:
    return ModelCard(id="acme/model", task=row.id, library=next(iter(row.runners)), description="")


@pytest.mark.parametrize("task", ROWS)
def test_each_remote_route_of_a_row_is_open_or_says_why_not(task: str, server: HubServer) -> None:
    """Said before the choice, and true: the client itself refuses what is said to be closed."""
    row, card = ROWS[task], card_of(ROWS[task])
    if card.library in ("opencv", "scipy"):
        card = card.model_copy(update={"library": "transformers"})
    for name, settings in routes(server).items():
        why = remote_obstacle(card, task, settings)
        if not why:
            assert callable(resolve_remote(row))
            continue
        assert why.endswith(".") and task in why, (name, why)
        if not row.remote:
            assert why == f"The Inference API has no {task}."
    own = remote_obstacle(card, task, routes(server)["one's own"])
    assert (own == "") == (bool(row.remote) and task not in BY_PROVIDER_ONLY)
    anyone = remote_obstacle(card, task, routes(server)["auto"])
    assert (anyone == "") == bool(row.remote), "a row says `remote` only where someone serves it"


@pytest.mark.parametrize("task", sorted(BY_PROVIDER_ONLY | {"tabular-regression"}))
def test_what_is_said_to_be_closed_is_refused_without_a_request(
    task: str, server: HubServer
) -> None:
    args: dict[str, Any] = {"text": "a", "table": "a\n1\n"}
    with pytest.raises(HuggingGraphError):
        run_remotely(ROWS[task], card_of(ROWS[task]), args, Settings(hf_base_url=server.url))
    assert server.calls == []


@pytest.mark.parametrize("task", ROWS)
@pytest.mark.parametrize("mode", ["local", "hybrid"])
def test_a_row_that_cannot_run_says_so_for_each_model_and_names_a_way(
    lookups: Lookups, task: str, mode: Any, server: HubServer
) -> None:
    """Nothing is on this machine and nothing may be fetched: what is left is remote, or said."""
    settings = Settings(mode=mode, hf_base_url=server.url, max_download_bytes=0)
    row = ROWS[task]
    open_remotely = mode != "local" and bool(row.remote) and task not in BY_PROVIDER_ONLY
    here = {library for library in row.runners if library in ("opencv", "scipy")}
    ranking = explain(lookups, "Do this", task, {}, settings=settings, others=False)
    wanted = {"local" if here else "", "remote" if open_remotely else ""} - {""}
    assert {c.route for c in ranking.candidates} == wanted
    assert all(rejected.reason.endswith(".") for rejected in ranking.rejected)
    assert len({r.card_id for r in ranking.rejected} | {c.card.id for c in ranking.candidates}) >= (
        len(row.runners)
    )
    if not ranking.candidates:
        with pytest.raises(NoModelError) as failed:
            retrieve(lookups, "Do this", task, {}, settings=settings)
        assert task in failed.value.message and failed.value.hint
    if row.by_llm:
        found = retrieve(lookups, "Do this", task, {}, settings=settings, llm="openai:x")
        assert found[-1].route == "llm" and found[-1].card.id == "openai:x"
