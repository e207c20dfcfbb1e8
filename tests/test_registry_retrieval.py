"""The choice of candidates: near in meaning, able to run here, and why."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hugginggraph.registry import (
    Candidate,
    CardStore,
    ModelCard,
    NoModelError,
    Settings,
    UnknownModelError,
    UnknownTaskError,
    clear_winner,
    explain,
    load_settings,
    pinned,
    retrieve,
    search,
)

MACHINE = "hugginggraph.registry.machine"
languages = import_module("hugginggraph.registry.languages")
TEXT, IMAGE = "text-classification", "image-classification"


def card(model_id: str, task: str, text: str, **facts: object) -> ModelCard:
    given = {"library": "transformers", "size_bytes": 200_000_000, "license": "mit", **facts}
    return ModelCard.model_validate({"id": model_id, "task": task, "description": text, **given})


CARDS = [
    card("acme/reviews", TEXT, "Sentiment of English reviews: positive or negative.",
         languages=["en"], downloads=9000),
    card("acme/reviews-de", TEXT, "Sentiment of German reviews: positive or negative.",
         languages=["de"], downloads=900_000),
    card("acme/avis-fr", TEXT, "Sentiment of French reviews: positive or negative.",
         languages=["fr"]),
    card("acme/toxic", TEXT, "Finds insults and threats in comments.", languages=["en"],
         license="gpl-3.0"),
    card("acme/bert-base", TEXT, "A language model for sentiment of reviews.", base_only=True),
    card("acme/tiny-random-bert", TEXT, "Sentiment of reviews, for tests."),
    card("acme/gated-reviews", TEXT, "Sentiment of English reviews, the best.", gated=True),
    card("acme/huge-reviews", TEXT, "Sentiment of reviews, very large.", size_bytes=9 * 10**12),
    card("acme/spacy-reviews", TEXT, "Sentiment of reviews with spaCy.", library="spacy"),
    card("acme/flowers", IMAGE, "Names flowers in photos."),
    card("acme/birds", IMAGE, "Names birds in photos."),
    card("acme/en-de", "translation", "Translates.", translates=["en", "de"],
         languages=["en", "de"]),
    card("acme/de-en", "translation", "Translates.", translates=["de", "en"],
         languages=["en", "de"]),
    card("acme/depth", "depth-estimation", "How far everything in a photo is."),
    card("acme/edges", "canny-control", "Draws the edges of a picture.", library="opencv"),
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CardStore:
    return CardStore.open(tmp_path_factory.mktemp("registry"), CARDS)


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings on a machine with a Hub, 16 GB of free memory and no models."""
    monkeypatch.setattr(f"{MACHINE}.hub_reachable", lambda offline=False: not offline)
    monkeypatch.setattr(f"{MACHINE}.memory_free", lambda: 16 * 10**9)
    monkeypatch.setattr(f"{MACHINE}.cached_snapshot", lambda model_id: None)
    return load_settings(offline=False)


def here(monkeypatch: pytest.MonkeyPatch, *ids: str) -> None:
    monkeypatch.setattr(f"{MACHINE}.is_local", lambda card: card.id in ids)


def ids(found: list[Candidate]) -> list[str]:
    return [candidate.card.id for candidate in found]


def test_the_nearest_in_meaning_that_can_run_the_task_comes_first(
    store: CardStore, online: Settings
) -> None:
    request = "Is this product review positive or negative?"
    found = retrieve(store, request, TEXT, {"text": "It broke."}, settings=online)
    assert ids(found) == ["acme/reviews", "acme/toxic"]
    assert found[0].score > found[1].score
    assert found[0].reason.startswith("1 of 2 for text-classification by meaning (similarity 0.")
    assert found[0].reason.endswith("to be fetched from the Hub (200 MB).")
    assert len(retrieve(store, request, TEXT, {}, settings=online, k=1)) == 1


def test_every_card_that_is_not_taken_says_why(store: CardStore, online: Settings) -> None:
    ranking = explain(store, "sentiment of a review", TEXT, {}, settings=online)
    why = {rejected.card_id: rejected.reason for rejected in ranking.rejected}
    assert why == {
        "acme/reviews-de": "It knows only German, which nobody asked for.",
        "acme/avis-fr": "It knows only French, which nobody asked for.",
        "acme/bert-base": "It is only pretrained and gives no answers as it is.",
        "acme/tiny-random-bert": "It is a stub with random weights.",
        "acme/gated-reviews": "It is gated, and gated models are not allowed.",
        "acme/huge-reviews": "Its 9.0 TB are more than may be loaded.",
        "acme/spacy-reviews": "Nothing here runs text-classification with spacy.",
        "acme/flowers": "It is made for image-classification, not for text-classification.",
        "acme/birds": "It is made for image-classification, not for text-classification.",
        "acme/en-de": "It is made for translation, not for text-classification.",
        "acme/de-en": "It is made for translation, not for text-classification.",
        "acme/edges": "It is made for canny-control, not for text-classification.",
        "acme/depth": "It is made for depth-estimation, not for text-classification.",
    }


@pytest.mark.parametrize(
    ("request_", "args"),
    [
        ("Is this German review positive?", {}),
        ("Is this review positive?", {"text": "Das Gerät ist nicht gut und ich mag es auch nicht"}),
        ("Ist die Kritik positiv? Das Gerät ist nicht gut und ich mag es auch nicht", {}),
    ],
)
def test_a_language_that_is_named_or_seen_brings_its_models_forward(
    store: CardStore, online: Settings, request_: str, args: dict[str, Any]
) -> None:
    found = retrieve(store, request_, TEXT, args, settings=online)
    assert found[0].card.id == "acme/reviews-de"
    assert "; knows German;" in found[0].reason
    assert "acme/avis-fr" not in ids(found)


def test_a_model_of_a_language_nobody_asked_for_is_taken_only_where_there_is_no_other(
    tmp_path: Path, online: Settings
) -> None:
    only = CardStore.open(tmp_path, [CARDS[1]])
    assert ids(retrieve(only, "sentiment", TEXT, {}, settings=online)) == ["acme/reviews-de"]


def test_the_policy_on_licences_gates_and_sizes_is_kept(store: CardStore, online: Settings) -> None:
    def taken(**policy: object) -> set[str]:
        settings = online.model_copy(update=policy)
        return set(ids(retrieve(store, "sentiment of a review", TEXT, {}, settings=settings)))

    assert taken(licenses=("MIT", "apache-2.0")) == {"acme/reviews"}
    assert "acme/gated-reviews" in taken(allow_gated=True)
    with pytest.raises(NoModelError, match=r"larger than may be fetched: 4.*MAX_DOWNLOAD_BYTES"):
        taken(max_download_bytes=1000)
    with pytest.raises(NoModelError, match=r"larger than allowed: 5.*MAX_MODEL_BYTES"):
        taken(max_model_bytes=1000)


def test_a_model_needs_its_memory(
    store: CardStore, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MACHINE}.memory_free", lambda: 100_000_000)
    with pytest.raises(NoModelError, match="more than the free memory: 4"):
        retrieve(store, "sentiment", TEXT, {}, settings=online)
    far = online.model_copy(update={"executor": "ray"})  # its nodes have memory of their own
    assert retrieve(store, "sentiment", TEXT, {}, settings=far)


def test_a_model_that_would_be_fetched_needs_room_on_the_disk(
    store: CardStore, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MACHINE}.disk_free", lambda: 1000)
    with pytest.raises(NoModelError, match="no room on the disk: 4"):
        retrieve(store, "sentiment", TEXT, {}, settings=online)
    here(monkeypatch, "acme/toxic")  # needs none
    assert ids(retrieve(store, "sentiment", TEXT, {}, settings=online)) == ["acme/toxic"]


def test_offline_only_what_is_on_this_machine_is_taken(
    store: CardStore, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(monkeypatch, "acme/toxic")
    settings = online.model_copy(update={"offline": True})
    found = retrieve(store, "sentiment of a review", TEXT, {}, settings=settings)
    assert ids(found) == ["acme/toxic"]
    assert found[0].local
    assert found[0].reason.startswith("Only one for text-classification by meaning")
    assert found[0].reason.endswith("on this machine.")


def test_with_nothing_to_run_the_error_counts_the_reasons_and_says_what_to_do(
    store: CardStore, online: Settings
) -> None:
    settings = online.model_copy(update={"offline": True})
    with pytest.raises(NoModelError) as caught:
        retrieve(store, "sentiment of a review", TEXT, {}, settings=settings)
    assert caught.value.message == (
        "No model can run text-classification here: 9 models for it are known "
        "(not on this machine, and the Hub is out of reach: 4; a stub for tests: 1; gated: 1; "
        "larger than allowed: 1; no runner for its library: 1; only pretrained: 1)."
    )
    assert "hf download" in caught.value.hint
    with pytest.raises(
        NoModelError, match=r"has no model for summarization\..*models search"
    ) as none:
        retrieve(store, "shorten this", "summarization", {}, settings=settings)
    assert none.value.hint.startswith("Name an LLM with --llm")
    assert "--llm" not in caught.value.hint  # an LLM is no model of classes


def test_what_is_on_this_machine_is_preferred(
    store: CardStore, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = "What is in this photo?"
    first, second = ids(retrieve(store, request, IMAGE, {"image": "r1"}, settings=online))
    here(monkeypatch, second)
    found = retrieve(store, request, IMAGE, {"image": "r1"}, settings=online)
    assert ids(found) == [second, first]


def test_a_model_of_a_small_world_is_first_only_where_the_request_speaks_of_it(
    tmp_path: Path, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = "drawn pictures of coloured shapes"
    small = card("acme/shapes", IMAGE, "Names coloured shapes in drawn pictures.", world=world)
    store = CardStore.open(tmp_path, [*CARDS, small])
    here(monkeypatch, "acme/shapes")
    asked = ("Which coloured shape is drawn in this picture?", "Name the bird in this photo")
    firsts = [retrieve(store, text, IMAGE, {}, settings=online)[0].card.id for text in asked]
    assert firsts == ["acme/shapes", "acme/birds"]
    alone = retrieve(store, asked[1], IMAGE, {}, settings=load_settings(offline=True))
    assert f"knows only {world}" in alone[0].reason


def test_without_a_request_the_task_and_its_arguments_are_the_query(
    store: CardStore, online: Settings
) -> None:
    found = retrieve(store, "", TEXT, {"text": "You are an insult to this threat"}, settings=online)
    assert found[0].card.id == "acme/toxic"


def test_an_unknown_task_is_named(store: CardStore, online: Settings) -> None:
    with pytest.raises(UnknownTaskError, match="text-classification"):
        retrieve(store, "x", "text-classificaton", {}, settings=online)


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("translate English into German", "acme/de-en"),
        ("a German-to-English translator", "acme/en-de"),
    ],
)
def test_a_translation_goes_the_way_that_was_asked_for(
    store: CardStore, online: Settings, query: str, wrong: str
) -> None:
    found = search(store, query, "translation", settings=online)
    assert {c.card.id for c in found} == {"acme/en-de", "acme/de-en"}
    assert [c.card.id for c in found if "translates from" in c.obstacle] == [wrong]


def test_a_translation_goes_where_its_argument_says_however_it_was_asked_for(
    store: CardStore, online: Settings
) -> None:
    args = {"text": "ein Hund", "target_language": "French"}
    request = "Traduis 'ein Hund' en français"
    with pytest.raises(NoModelError, match="translates another pair: 2"):
        retrieve(store, request, "translation", args, settings=online)


def candidates(*scores: float) -> list[Candidate]:
    return [Candidate(CARDS[0], score, 0.5, True, "") for score in scores]


def test_a_winner_is_clear_alone_or_by_a_margin() -> None:
    assert clear_winner(candidates(0.4))
    assert clear_winner(candidates(0.9, 0.6, 0.6))
    assert not clear_winner(candidates(0.9, 0.8))
    assert not clear_winner([])


def test_a_search_shows_what_cannot_run_and_why(
    store: CardStore, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(monkeypatch, "acme/reviews")
    found = search(store, "sentiment of reviews", k=14, settings=online)
    by_id = {candidate.card.id: candidate for candidate in found}
    assert len(found) == 14
    assert by_id["acme/reviews"].local
    assert by_id["acme/reviews"].obstacle == ""
    assert by_id["acme/bert-base"].obstacle.startswith("It is only pretrained")
    assert {c.card.task for c in search(store, "photos", IMAGE, settings=online)} == {IMAGE}


def test_a_model_asked_for_by_name_may_be_fetched_whatever_its_size(
    store: CardStore, online: Settings
) -> None:
    settings = online.model_copy(update={"max_download_bytes": 0})
    found = pinned(store, "acme/flowers", IMAGE, settings=settings)
    assert found.card == store.card("acme/flowers")
    assert found.reason == "Asked for by name; it will be fetched from the Hub."


@pytest.mark.parametrize(
    ("model_id", "error", "message"),
    [
        ("acme/flower", UnknownModelError, "nearest names are 'acme/flowers'"),
        ("acme/reviews", NoModelError, "made for text-classification, not for image-class"),
    ],
)
def test_a_model_asked_for_by_name_that_cannot_do_it_is_an_error(
    store: CardStore, online: Settings, model_id: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        pinned(store, model_id, IMAGE, settings=online)


def test_a_model_asked_for_by_name_that_is_not_here_is_an_error_offline(store: CardStore) -> None:
    with pytest.raises(NoModelError, match=r"'acme/flowers' was asked for.*Offline.*hf download"):
        pinned(store, "acme/flowers", IMAGE, settings=load_settings(offline=True))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Das Gerät ist nicht gut und ich mag es nicht", "de"),
        ("Je ne sais pas pour qui sont les fleurs dans le jardin", "fr"),
        ("Он сказал, что придёт завтра", "ru"),
        ("これは犬です", "ja"),
        ("这是一只狗", "zh"),
        ("She said that the die was cast in Los Angeles, la la la, que sera", None),
        ("", None),
    ],
)
def test_the_language_of_a_text_is_seen_where_it_is_plain(text: str, code: str | None) -> None:
    assert languages.seen(text) == code


def test_languages_are_read_by_name_and_translations_by_direction() -> None:
    assert set(languages.named("polish my Polish and german texts")) == {"pl", "de"}
    assert languages.direction("from Catalan into Spanish") == ("ca", "es")
    assert languages.direction("an English to French translator") == ("en", "fr")
    assert languages.direction("put it in Dutch") == (None, "nl")
    assert languages.direction("translate this") == (None, None)
    assert languages.direction("from English into German and into French") == ("en", None)
    assert [languages.code(name) for name in ("German", "de", "dog")] == ["de", "de", None]


def test_a_row_takes_the_models_of_the_task_that_it_names(
    store: CardStore, online: Settings
) -> None:
    for task in ("depth-control", "normal-control", "depth-estimation"):
        assert ids(retrieve(store, "how far is it", task, {}, settings=online)) == ["acme/depth"]
