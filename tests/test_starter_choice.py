"""The starter's models are chosen in their own world, and only there where others can be had."""

from __future__ import annotations

from typing import Any

import pytest

from hugginggraph.graph import build_graph
from hugginggraph.registry import CardStore, Settings, load_settings, model_cards, retrieve

MACHINE = "hugginggraph.registry.machine"
OUTSIDE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("transcribe this interview with the mayor", "automatic-speech-recognition", {}),
    ("cut this photo of a street into its parts", "image-segmentation", {}),
    (
        "translate this letter from my landlord to French",
        "translation",
        {"text": "The rent is due on Monday.", "target_language": "French"},
    ),
    (
        "which people and companies are named in this article",
        "token-classification",
        {"text": "Tim Cook leads Apple."},
    ),
    ("what is in this photo of my kitchen", "object-detection", {}),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CardStore:
    return CardStore.open(tmp_path_factory.mktemp("registry"), model_cards())


@pytest.mark.parametrize(("request_", "task", "args"), OUTSIDE)
def test_a_general_model_that_can_be_had_goes_first_outside_the_world(
    store: CardStore,
    monkeypatch: pytest.MonkeyPatch,
    request_: str,
    task: str,
    args: dict[str, Any],
) -> None:
    monkeypatch.setattr(f"{MACHINE}.hub_reachable", lambda offline=False: not offline)
    monkeypatch.setattr(f"{MACHINE}.memory_free", lambda: 16 * 10**9)
    found = retrieve(store, request_, task, args, settings=load_settings(offline=False))
    assert not found[0].card.world, found[0].reason


@pytest.mark.parametrize(("request_", "task", "args"), OUTSIDE)
def test_where_only_the_starter_is_here_the_reason_tells_its_limits(
    store: CardStore, request_: str, task: str, args: dict[str, Any]
) -> None:
    found = retrieve(store, request_, task, args, settings=load_settings(offline=True))
    assert found[0].card.source == "starter"
    assert f"knows only {found[0].card.world}" in found[0].reason


def test_in_its_own_world_the_starter_goes_first(
    store: CardStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MACHINE}.hub_reachable", lambda offline=False: not offline)
    monkeypatch.setattr(f"{MACHINE}.memory_free", lambda: 16 * 10**9)
    request = "translate 'two red circles and a blue star on a white background' to French"
    args = {"text": "two red circles on a white background", "target_language": "French"}
    found = retrieve(store, request, "translation", args, settings=load_settings(offline=False))
    assert found[0].card.id == "hugginggraph/world-english-french"


@pytest.mark.parametrize(
    ("said", "voice"),
    [
        ("Traduis 'a red circle' en français et lis-le à voix haute", "world-speaker-french"),
        ("Traduce 'a red circle' al francés y léelo en voz alta", "world-speaker-french"),
        ("Translate 'un cercle rouge' from French to English, read it aloud", "world-speaker"),
    ],
)
def test_a_translation_is_read_by_a_voice_of_its_language_however_it_was_asked(
    settings: Settings, said: str, voice: str
) -> None:
    out = build_graph(settings=settings).invoke({"request": said})
    assert out["choices"]["1"]["model"] == f"hugginggraph/{voice}"
