"""Over the Inference API each family of translators is told the languages in its own codes."""

from __future__ import annotations

from typing import Any

import pytest
from hub_server import HubServer, hub_server
from test_remote import _online as _online, ask

from hugginggraph.registry import MissingArgumentError, ModelRunError

NLLB, MBART = "facebook/nllb-200-distilled-600M", "facebook/mbart-large-50-many-to-many-mmt"
M2M, OPUS = "facebook/m2m100_418M", "Helsinki-NLP/opus-mt-en-de"
HELLO = "Hello, how are you?"
GUTEN = "Das ist nicht der Hund und ich bin auch nicht die Katze."
REPLY = [{"translation_text": "Hallo"}]


def translate(server: HubServer, model: str, text: str, *wanted: str) -> Any:
    names = ("target_language", "source_language")
    out = ask(
        "translation", server, {"text": text, **dict(zip(names, wanted, strict=False))}, model
    )
    assert out.value == "Hallo"
    (call,) = server.calls
    assert call.path == f"/models/{model}"
    return call.json


@pytest.mark.parametrize(
    ("model", "text", "wanted", "first", "codes"),
    [
        (NLLB, HELLO, ("German",), "", ("eng_Latn", "deu_Latn")),
        (NLLB, HELLO, ("zh",), "", ("eng_Latn", "zho_Hans")),
        (NLLB, GUTEN, (), "", ("deu_Latn", "eng_Latn")),
        (NLLB, HELLO, ("arb_Arab", "en"), "", ("eng_Latn", "arb_Arab")),
        (MBART, HELLO, ("French",), "", ("en_XX", "fr_XX")),
        (MBART, GUTEN, ("ru",), "", ("de_DE", "ru_RU")),
        (M2M, HELLO, ("Japanese",), "", ("en", "ja")),
        (OPUS, HELLO, (), "", ()),
        (OPUS, HELLO, ("German", "English"), "", ()),
        ("Helsinki-NLP/opus-mt-de-en", "Ja.", (), "", ()),
        ("Helsinki-NLP/opus-mt-mul-en", GUTEN, ("en",), "", ()),
        ("Helsinki-NLP/opus-mt-en-ROMANCE", HELLO, ("Spanish",), ">>es<< ", ()),
        ("Helsinki-NLP/opus-mt-en-gem", HELLO, ("German",), ">>deu<< ", ()),
        ("google/madlad400-3b-mt", HELLO, ("German",), "<2de> ", ()),
        ("google-t5/t5-small", HELLO, ("German",), "translate English to German: ", ()),
        ("acme/model", HELLO, ("German",), "", ()),
        ("acme/model", HELLO, ("German", "English"), "", ("en", "de")),
    ],
)
def test_the_languages_are_sent_as_the_model_spells_them(
    model: str, text: str, wanted: tuple[str, ...], first: str, codes: tuple[str, ...]
) -> None:
    with hub_server(REPLY) as server:
        sent = translate(server, model, text, *wanted)
    assert sent["inputs"] == first + text
    assert sent["parameters"] == dict(zip(("src_lang", "tgt_lang"), codes, strict=False))


@pytest.mark.parametrize(
    ("model", "wanted", "error", "said"),
    [
        (OPUS, ("French",), ModelRunError, "from English to German, not from English to French"),
        (OPUS, ("German", "Spanish"), ModelRunError, "not from Spanish to German"),
        ("Helsinki-NLP/opus-mt-mul-en", ("German",), ModelRunError, "to English, not to German"),
        (NLLB, ("Klingon",), ModelRunError, "does not know the language 'Klingon'"),
        (MBART, ("Greek",), ModelRunError, "does not know the language 'el'"),
        (M2M, (), MissingArgumentError, "needs 'target_language'"),
    ],
)
def test_a_language_that_the_model_lacks_is_said_before_anything_is_sent(
    model: str, wanted: tuple[str, ...], error: type[Exception], said: str
) -> None:
    with hub_server(REPLY) as server:
        with pytest.raises(error, match=said):
            translate(server, model, HELLO, *wanted)
        assert server.calls == []
