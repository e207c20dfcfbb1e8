"""Settings: what is misspelled is told, what is empty is not set, what cannot be read is named."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hugginggraph.registry import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("make", [Settings, load_settings])
def test_a_misspelled_argument_is_refused_with_the_nearest_name(make: type[Settings]) -> None:
    with pytest.raises(SettingsError, match=r"no setting 'max_paralell'.*'max_parallel'"):
        make(max_paralell=2)
    assert make(max_parallel=2).max_parallel == 2
    token = make(hf_token="hf_mine").hf_token
    assert token and token.get_secret_value() == "hf_mine"


def test_a_misspelled_variable_is_told_once_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HUGGINGGRAPH_LICENCES", '["mit"]')
    monkeypatch.setenv("HUGGINGGRAPH_SERVICE_HOST", "10.0.0.7")  # Kubernetes sets these
    monkeypatch.setenv("HUGGINGGRAPH_PORT_8000_TCP_ADDR", "10.0.0.7")
    Path(".env").write_text("HUGGINGGRAPH_OFLINE=1\nPOSTGRES_PASSWORD=of-another-program\n")
    with caplog.at_level(logging.WARNING, "hugginggraph"):
        load_settings()
        load_settings()
    assert caplog.messages == [
        "HUGGINGGRAPH_LICENCES is no setting, so it changes nothing. Did you mean "
        "HUGGINGGRAPH_LICENSES?",
        "HUGGINGGRAPH_OFLINE is no setting, so it changes nothing. Did you mean "
        "HUGGINGGRAPH_OFFLINE?",
    ]


def test_an_empty_variable_is_a_setting_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = [f"HUGGINGGRAPH_{name.upper()}" for name in Settings.model_fields]
    for variable in variables:
        monkeypatch.delenv(variable, raising=False)
    defaults = load_settings()
    for variable in variables:
        monkeypatch.setenv(variable, "")
    assert load_settings() == defaults
    Path(".env").write_text("HUGGINGGRAPH_LLM=openai:costly\nHUGGINGGRAPH_MODE=\n")
    assert load_settings() == defaults, "what the environment empties, .env does not fill"
    monkeypatch.delenv("HUGGINGGRAPH_LLM")
    assert load_settings().llm == "openai:costly"


def test_a_file_of_settings_that_is_not_text_is_named() -> None:
    Path(".env").write_bytes(b"\xff\xfeH\x00U\x00G\x00")
    with pytest.raises(SettingsError, match=r"\.env.* UTF-8"):
        load_settings()
