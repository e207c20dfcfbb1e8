"""What a person allows is kept by every choice, and told where it leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hugginggraph.registry import (
    CardStore,
    ModelCard,
    NoModelError,
    PolicyError,
    Settings,
    SettingsError,
    load_settings,
    retrieve,
)
from hugginggraph.serve import app

TASK = "image-classification"


def card(model_id: str, text: str, **facts: object) -> ModelCard:
    given = {"library": "transformers", "size_bytes": 10**8, "license": "mit", **facts}
    return ModelCard.model_validate({"id": model_id, "task": TASK, "description": text, **given})


CARDS = [
    card("acme/flowers", "Names flowers in photos."),
    card("acme/birds", "Names birds in photos.", license="gpl-3.0"),
    card("ajax/flowers", "Names the flowers in a photo.", gated=True),
    card("ajax/big", "Names flowers and birds in photos.", size_bytes=5 * 10**9),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CardStore:
    return CardStore.open(tmp_path_factory.mktemp("registry"), CARDS)


@pytest.fixture
def anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that allow all, on a machine that has the birds and reaches the Hub."""
    machine = "hugginggraph.registry.machine"
    monkeypatch.setattr(f"{machine}.hub_reachable", lambda offline=False: True)
    monkeypatch.setattr(f"{machine}.memory_free", lambda: 16 * 10**9)
    monkeypatch.setattr(f"{machine}.is_local", lambda card: card.id == "acme/birds")
    return load_settings(
        offline=False, allow_gated=True, data_dir=tmp_path, max_download_bytes=10**10
    )


def taken(store: CardStore, settings: Settings, **policy: object) -> set[str]:
    found = retrieve(
        store, "Name this flower", TASK, {}, settings=settings.model_copy(update=policy)
    )
    return {candidate.card.id for candidate in found}


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        ({}, {"acme/flowers", "acme/birds", "ajax/flowers", "ajax/big"}),
        ({"licenses": ("MIT",)}, {"acme/flowers", "ajax/flowers", "ajax/big"}),
        ({"allow_gated": False}, {"acme/flowers", "acme/birds", "ajax/big"}),
        ({"max_model_bytes": 10**9}, {"acme/flowers", "acme/birds", "ajax/flowers"}),
        ({"only_local": True}, {"acme/birds"}),
        ({"denied": ("Ajax",)}, {"acme/flowers", "acme/birds"}),
        ({"denied": ("acme/Flowers", "ajax/big")}, {"acme/birds", "ajax/flowers"}),
        ({"denied": ("ac", "flowers")}, {c.id for c in CARDS}),
        ({"pinned_models": {TASK: "ajax/big"}}, {"ajax/big"}),
        ({"pinned_models": {"translation": "ajax/big"}}, {c.id for c in CARDS}),
    ],
)
def test_each_policy_is_kept(
    store: CardStore, anything: Settings, policy: dict[str, object], left: set[str]
) -> None:
    assert taken(store, anything, **policy) == left


def test_a_policy_that_leaves_nothing_says_which_setting_removed_what(
    store: CardStore, anything: Settings
) -> None:
    with pytest.raises(PolicyError) as caught:
        taken(store, anything, licenses=("gpl-3.0",), denied=("acme/birds",))
    assert caught.value.message == (
        "The policy that is set leaves no model for image-classification: licence not allowed: 3 "
        "(HUGGINGGRAPH_LICENSES: acme/flowers, ajax/flowers, ajax/big); denied: 1 "
        "(HUGGINGGRAPH_DENIED: acme/birds)."
    )
    assert "Allow more in HUGGINGGRAPH_LICENSES." in caught.value.hint


def test_where_nothing_could_run_anyway_no_policy_is_blamed(
    store: CardStore, anything: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hugginggraph.registry.machine.memory_free", lambda: 1000)
    with pytest.raises(NoModelError, match="No model can run") as caught:
        taken(store, anything, denied=("ajax",))
    assert not isinstance(caught.value, PolicyError)


def test_a_pinned_model_meets_the_other_policies_too(store: CardStore, anything: Settings) -> None:
    with pytest.raises(NoModelError, match=r"'ajax/big' was asked for.*denied"):
        taken(store, anything, pinned_models={TASK: "ajax/big"}, denied=("ajax",))


def test_policies_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGRAPH_PINNED_MODELS", '{"translation": "acme/x"}')
    monkeypatch.setenv("HUGGINGGRAPH_DENIED", '["ajax", "acme/y"]')
    settings = load_settings()
    assert settings.pinned_models == {"translation": "acme/x"}
    assert settings.denied == ("ajax", "acme/y")
    monkeypatch.setenv("HUGGINGGRAPH_DENIED", "ajax")
    with pytest.raises(SettingsError, match=r"HUGGINGGRAPH_DENIED.*JSON"):
        load_settings()


@pytest.fixture
def command(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    (tmp_path / "registry").symlink_to(data_dir / "registry")
    monkeypatch.setenv("HUGGINGGRAPH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    return CliRunner()


def test_why_a_model_was_chosen_is_told_in_eighty_columns(command: CliRunner) -> None:
    request = 'What does this review say about the food: "It was cold."'
    out = command.invoke(app, ["models", "why", request, "--task", "question-answering"]).stdout
    assert out.startswith("question-answering: hugginggraph/")
    assert "by meaning #" in out
    assert "on this machine" in out
    assert "left out" in out
    assert max(len(line) for line in out.splitlines()) <= 80


def test_why_as_json_has_every_rank_addend_and_filter(command: CliRunner) -> None:
    given = ["models", "why", "Read this aloud: 'hello'", "--json"]
    task, *_ = json.loads(command.invoke(app, given).stdout)["tasks"]
    assert task["task"] == "text-to-speech"
    for candidate in task["candidates"]:
        assert candidate["score"] == pytest.approx(sum(candidate["parts"].values()), abs=1e-3)
        assert {"dense", "lexical", "fused"} == set(candidate["ranks"])
        assert {"popularity", "freshness", "on this machine", "observed"} < set(candidate["parts"])
    assert all(rejected["filter"] and rejected["reason"] for rejected in task["rejected"])
    assert task["rejected"]
    assert task["of_other_tasks"] > 10


def test_why_names_the_model_that_is_pinned(
    command: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = "hugginggraph/world-speaker-french"
    monkeypatch.setenv("HUGGINGGRAPH_PINNED_MODELS", json.dumps({"text-to-speech": pin}))
    given = ["models", "why", "Read this", "-t", "text-to-speech"]
    out = command.invoke(app, given).stdout
    assert out.startswith(f"text-to-speech: {pin}, pinned by \nHUGGINGGRAPH_PINNED_MODELS\n")
    (task,) = json.loads(command.invoke(app, [*given, "--json"]).stdout)["tasks"]
    assert (task["winner"], task["pinned"]) == (pin, True) and "obstacle" not in task


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        ("suno/bark", "suno/bark' was asked for, but cannot run text-to-speech here. It is not on"),
        ("hugginggraph/world-listener", "It is made for automatic-speech-recognition"),
        ("hugginggraph/world-speakr", "no model 'hugginggraph/world-speakr'. The nearest names"),
    ],
)
def test_why_says_that_a_pinned_model_cannot_run(
    command: CliRunner, monkeypatch: pytest.MonkeyPatch, pin: str, why: str
) -> None:
    monkeypatch.setenv("HUGGINGGRAPH_PINNED_MODELS", json.dumps({"text-to-speech": pin}))
    given = ["models", "why", "Read this", "-t", "text-to-speech"]
    out = command.invoke(app, given).stdout
    assert f"{pin}, pinned by HUGGINGGRAPH_PINNED_MODELS, cannot run" in " ".join(out.split())
    assert why in " ".join(out.split())
    (task,) = json.loads(command.invoke(app, [*given, "--json"]).stdout)["tasks"]
    assert (task["winner"], task["pinned_model"]) == (None, pin) and why in task["obstacle"]


def test_why_says_that_a_request_is_not_understood(command: CliRunner) -> None:
    result = command.invoke(app, ["models", "why", "x", "--task", "text-to-speach"])
    assert "text-to-speech" in str(result.exception)


def test_why_says_where_an_llm_would_choose(
    command: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ["models", "why", "What is in this picture?", "-t", "image-classification"]
    told = "No clear winner: when it runs, the LLM chooses among the first"
    monkeypatch.setattr("hugginggraph.registry.machine.hub_reachable", lambda _: True)
    monkeypatch.setattr("hugginggraph.registry.retrieval.MARGIN", 10.0)
    assert told not in command.invoke(app, request).stdout
    monkeypatch.setenv("HUGGINGGRAPH_LLM", "openai:any")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    assert told in command.invoke(app, request).stdout
    (task,) = json.loads(command.invoke(app, [*request, "--json"]).stdout)["tasks"]
    assert task["clear_winner"] is False
    monkeypatch.setattr("hugginggraph.registry.retrieval.MARGIN", 0.0)
    assert told not in command.invoke(app, request).stdout


@pytest.mark.parametrize(
    ("request_", "task", "kind"),
    [
        ("Summarize this German article", "summarization", "text"),
        ("Describe the picture", "image-to-text", "image"),
        ("Transcribe the recording", "automatic-speech-recognition", "audio"),
    ],
)
def test_why_plans_for_any_file_where_a_request_names_none(
    command: CliRunner, request_: str, task: str, kind: str
) -> None:
    out = command.invoke(app, ["models", "why", request_]).stdout
    assert f"planned for any {kind} file" in out and f"\n{task}: " in out
    told = json.loads(command.invoke(app, ["models", "why", request_, "--json"]).stdout)
    assert [each["task"] for each in told["tasks"]] == [task] and told["stand_in"] == kind


def test_why_does_not_make_up_what_cannot_be_planned(command: CliRunner) -> None:
    result = command.invoke(app, ["models", "why", "Blorf the gnarl"])
    assert result.exit_code and not result.stdout
    assert "Not understood" in str(result.exception)
