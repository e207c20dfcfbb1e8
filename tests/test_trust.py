"""No model runs code of its own here, unless the person allows that model by its name."""

from __future__ import annotations

import json
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from checkpoints import BUILDERS, card, text_classifier
from checkpoints_making import stable_diffusion
from tool_run import Builder, Run, tool_run

from hugginggraph.registry import ModelCard, ModelLoadError, load_settings

pytestmark = pytest.mark.usefixtures("own_modules")

WORDS = {"text": "the team won"}
CODE = """
from pathlib import Path
from transformers import BertConfig, BertForSequenceClassification

Path({marker!r}).write_text("the code of the model ran")

class OwnConfig(BertConfig):
    model_type = "tests_own"

class OwnClassifier(BertForSequenceClassification):
    config_class = OwnConfig
"""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def own(place: Path, marker: Path) -> ModelCard:
    """A classifier whose repository holds the Python file of its class."""
    made = text_classifier(place)
    (place / "modeling_own.py").write_text(CODE.format(marker=str(marker)))
    config = json.loads((place / "config.json").read_text())
    config |= {
        "model_type": "tests_own",
        "auto_map": {
            "AutoConfig": "modeling_own.OwnConfig",
            "AutoModelForSequenceClassification": "modeling_own.OwnClassifier",
        },
    }
    (place / "config.json").write_text(json.dumps(config))
    return made


def pickled(place: Path, marker: Path) -> ModelCard:
    """A classifier whose weights are a pickle that writes the marker."""

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.write_text, (marker, "the pickle ran"))

    made = text_classifier(place)
    (place / "model.safetensors").unlink()
    (place / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    return made


TRAPS = {"own": own, "pickled": pickled}
"""Models that write a file as soon as they are trusted."""


def runs(folder: Path, marker: Path, *trusted: str) -> Run:
    def forest(place: Path) -> ModelCard:
        skops = pytest.importorskip("skops.io")
        from sklearn.ensemble import RandomForestClassifier

        model = RandomForestClassifier(2, random_state=0).fit([[0], [1]] * 9, ["a", "b"] * 9)
        skops.dump(model, place / "model.skops")
        return card(place, "tabular-classification", library="sklearn")

    traps: dict[str, Builder] = {name: partial(make, marker=marker) for name, make in TRAPS.items()}
    builders: dict[str, Builder] = {"forest": forest, **traps, **BUILDERS}
    return tool_run(folder, builders, trusted_models=trusted)


@pytest.mark.parametrize("trusted", [(), ("tests/other",), ("own",)])
def test_code_of_a_model_is_refused_and_the_setting_is_named(
    tmp_path: Path, marker: Path, trusted: tuple[str, ...]
) -> None:
    with pytest.raises(ModelLoadError, match="brings code of its own") as refused:
        runs(tmp_path, marker, *trusted)("own", "text-classification", **WORDS)
    assert not marker.exists()
    assert """HUGGINGGRAPH_TRUSTED_MODELS='["tests/own"]'""" in refused.value.hint


def test_code_of_a_model_runs_where_the_person_names_the_model(
    tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUGGINGGRAPH_TRUSTED_MODELS", '["tests/own"]')
    run = runs(tmp_path, marker, *load_settings().trusted_models)
    result = run("own", "text-classification", **WORDS)
    assert marker.read_text() == "the code of the model ran"
    assert {each["label"] for each in result["value"]} == {"good", "bad", "neither"}


@pytest.mark.parametrize("trusted", [(), ("tests/pickled",)])
def test_pickled_weights_are_never_opened_not_even_of_a_trusted_model(
    tmp_path: Path, marker: Path, trusted: tuple[str, ...]
) -> None:
    with pytest.raises(ModelLoadError, match=r"lacks .*safetensors"):
        runs(tmp_path, marker, *trusted)("pickled", "text-classification", **WORDS)
    assert not marker.exists()


def test_a_forest_is_read_where_the_person_names_the_model(tmp_path: Path, marker: Path) -> None:
    task, table = "tabular-classification", "a\n1\n0\n"
    with pytest.raises(ModelLoadError, match="HUGGINGGRAPH_TRUSTED_MODELS"):
        runs(tmp_path, marker)("forest", task, table=table)
    found = runs(tmp_path, marker, "tests/forest")("forest", task, table=table)["value"]
    assert [each["label"] for each in found] == ["b", "a"]


@pytest.mark.parametrize(("gap", "said"), [("all", "text_encoder/model"), ("one", "text_encoder")])
def test_a_text_encoder_with_gaps_is_a_named_error_and_not_a_random_one(
    tmp_path: Path, gap: str, said: str
) -> None:
    from safetensors.torch import load_file, save_file

    def broken(place: Path) -> ModelCard:
        made = stable_diffusion(place)
        weights = place / "text_encoder" / "model.safetensors"
        tensors = load_file(weights)
        weights.unlink()
        if gap == "one":
            tensors.pop(next(name for name in tensors if "layers.0.mlp.fc1.weight" in name))
            save_file(tensors, weights, {"format": "pt"})
        return made

    with pytest.raises(ModelLoadError, match=rf"lacks? .*{said}"):
        tool_run(tmp_path, {"broken": broken})("broken", "text-to-image", text="a red circle")
