"""Which route each model stands on: here first, then remotely, then the LLM, each with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from hugginggraph.registry import (
    Candidate,
    CardStore,
    ModelCard,
    NoModelError,
    Settings,
    clear_winner,
    explain,
    pinned,
    retrieve,
    route_of,
    search,
)

MACHINE = "hugginggraph.registry.machine"
TASK, EDGES = "text-generation", "canny-control"
REQUEST = "Write a story"


def card(model_id: str, task: str = TASK, **facts: object) -> ModelCard:
    given = {"library": "transformers", "size_bytes": 200_000_000, "license": "mit", **facts}
    return ModelCard.model_validate(
        {"id": model_id, "task": task, "description": "Writes stories.", **given}
    )


CARDS = [
    card("acme/small"),
    card("acme/here"),
    card("acme/huge", size_bytes=10**13),
    card("acme/gated", gated=True),
    card("acme/gguf", library="gguf"),
    card("acme/theirs", size_bytes=10**13, license="other", providers=["groq"]),
    card("acme/base", base_only=True, size_bytes=10**13),
    card("acme/packaged", path="/tmp/packaged", size_bytes=10**13),
    card("acme/edges", EDGES, library="opencv"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CardStore:
    return CardStore.open(tmp_path_factory.mktemp("registry"), CARDS)


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a Hub, 16 GB of free memory and one model."""
    monkeypatch.delenv("HUGGINGGRAPH_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(f"{MACHINE}.hub_reachable", lambda offline=False: not offline)
    monkeypatch.setattr(f"{MACHINE}.memory_free", lambda: 16 * 10**9)
    monkeypatch.setattr(f"{MACHINE}.disk_free", lambda: 10**15)
    monkeypatch.setattr(f"{MACHINE}.is_local", lambda card: card.id in ("acme/here", "acme/edges"))


def given(**settings: Any) -> Settings:
    return Settings(**{"hf_token": "hf_x", **settings})


def routes(found: list[Candidate]) -> list[tuple[str, str]]:
    return [(candidate.card.id.removeprefix("acme/"), candidate.route) for candidate in found]


def get(store: CardStore, settings: Settings, task: str = TASK, **more: Any) -> list[Candidate]:
    return retrieve(store, REQUEST, task, {"text": "x"}, settings=settings, **more)


def test_what_runs_here_comes_first_and_then_what_can_run_remotely(store: CardStore) -> None:
    found = get(store, given(), k=20)
    assert routes(found)[:2] == [("here", "local"), ("small", "local")]
    there = routes(found)[2:]
    assert {route for _, route in there} == {"remote"}
    assert {name for name, _ in there} == {"here", "small", "huge", "gated", "gguf", "theirs"}
    assert "run remotely (groq)" in next(c.reason for c in found if c.card.id == "acme/theirs")


def test_a_model_of_a_forbidden_licence_does_not_run_remotely_either(store: CardStore) -> None:
    found = get(store, given(licenses=("mit",)), k=20)
    assert ("theirs", "remote") not in routes(found)


def test_however_few_are_looked_at_there_is_one_of_each_route(store: CardStore) -> None:
    found = get(store, given(), k=1, llm="openai:some")
    assert [c.route for c in found] == ["local", "remote", "llm"]
    assert found[-1].card.id == "openai:some"
    assert clear_winner(found)  # which route goes first is a rule, not a question


def test_an_llm_does_only_the_text_tasks_that_say_so(store: CardStore) -> None:
    edges = get(store, given(), EDGES, llm="openai:some")
    assert routes(edges) == [("edges", "local")]


def test_in_local_mode_nothing_is_remote(store: CardStore) -> None:
    found = get(store, given(mode="local"), k=20)
    assert routes(found) == [("here", "local"), ("small", "local")]


def test_in_remote_mode_no_model_is_loaded_here_but_functions_run(store: CardStore) -> None:
    found = get(store, given(mode="remote"), k=20)
    assert len(found) == 6 and {c.route for c in found} == {"remote"}
    assert routes(get(store, given(mode="remote"), EDGES)) == [("edges", "local")]


def test_without_a_token_nothing_is_remote_and_the_error_says_what_to_set(
    store: CardStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MACHINE}.is_local", lambda card: False)
    small = {"max_download_bytes": 0, "hf_token": None}
    with pytest.raises(NoModelError) as failed:
        get(store, given(**small))
    assert failed.value.hint.endswith("Or set HF_TOKEN to run one remotely.")
    with pytest.raises(NoModelError, match="HUGGINGGRAPH_MODE=hybrid to run one remotely"):
        get(store, given(**{**small, "mode": "local"}))
    with pytest.raises(NoModelError, match=r"None can run remotely: Offline is set\."):
        get(store, given(mode="remote", offline=True))


def test_every_rejected_model_says_why_on_both_routes(store: CardStore) -> None:
    ranking = explain(store, REQUEST, TASK, {}, settings=given(hf_provider="together"))
    why = {item.card_id: item.reason for item in ranking.rejected}
    assert "acme/theirs" in why and "more than may be loaded" in why["acme/theirs"]
    assert why["acme/theirs"].endswith("Remotely: It is served by groq, not by together.")
    assert why["acme/packaged"].endswith("Remotely: It is on this machine only.")
    assert "only pretrained" in why["acme/base"]
    assert not {c.card.id for c in ranking.candidates} & set(why)


def test_a_provider_without_the_task_is_said_so(store: CardStore) -> None:
    with pytest.raises(NoModelError, match="not remotely: "):
        get(store, given(mode="remote", hf_provider="nobody"))


def test_a_search_and_a_pin_name_the_route(store: CardStore) -> None:
    found = {c.card.id: c for c in search(store, REQUEST, TASK, settings=given())}
    assert found["acme/huge"].route == "remote" and not found["acme/huge"].obstacle
    assert found["acme/packaged"].obstacle
    pin = pinned(store, "acme/huge", TASK, settings=given())
    assert pin.route == "remote" and pin.reason == "Asked for by name; it runs remotely."
    with pytest.raises(NoModelError, match="more than may be loaded"):
        pinned(store, "acme/huge", TASK, settings=given(hf_token=None))


def test_a_model_that_nobody_ranked_runs_where_it_can(tmp_path: Path) -> None:
    by_id = {each.id: each for each in CARDS}
    assert route_of(by_id["acme/here"], TASK, settings=given()) == "local"
    assert route_of(by_id["acme/huge"], TASK, settings=given()) == "remote"
    assert route_of(by_id["acme/huge"], TASK, settings=given(hf_token=None)) == "local"
    assert route_of(by_id["acme/packaged"], TASK, settings=given()) == "local"
