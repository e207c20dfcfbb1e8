"""The store of cards: built once, mended after a kill, and honest about what it cannot open."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from chromadb.api.models.Collection import Collection

from hugginggraph.registry import CardStore, MiniLM, ModelCard, RegistryError, UnknownModelError


def card(model_id: str, task: str = "image-to-text", text: str = "", **facts: object) -> ModelCard:
    return ModelCard.model_validate(
        {"id": model_id, "task": task, "library": "transformers", "description": text, **facts}
    )


CARDS = [
    card("acme/captioner", text="Describes a photo in one English sentence."),
    card("acme/sentiment", "text-classification", "Says whether a review is happy or angry."),
    card("acme/whisper-tiny", "automatic-speech-recognition", "Writes down spoken English."),
]


class Counting(MiniLM):
    """The real encoder, with a list of the texts that it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        return super().embed_documents(texts)


class Other(MiniLM):
    name = "another-encoder"


def test_a_card_is_found_by_meaning_and_comes_back_whole(tmp_path: Path) -> None:
    whole = card(
        "acme/de-fr", "translation", "Translates.", license="mit", languages=["de", "fr"],
        translates=["de", "fr"], gated=True, tags=["x"], parameters=5, size_bytes=9, likes=3,
    )  # fmt: skip
    store = CardStore.open(tmp_path, [*CARDS, whole])
    (best, similarity), *rest = store.search(MiniLM().embed_query("audio to text"), 4)
    assert best.id == "acme/whisper-tiny"
    assert all(1 >= similarity >= other for _, other in rest)
    assert store.card("acme/de-fr") == whole
    assert len(store) == len(store.all_cards()) == 4


def test_a_filter_keeps_the_cards_of_one_task(tmp_path: Path) -> None:
    store = CardStore.open(tmp_path, CARDS)
    found = store.search(MiniLM().embed_query("speech"), 3, {"task": "image-to-text"})
    assert [c.id for c, _ in found] == ["acme/captioner"]


def test_new_counters_go_into_the_list_alone_and_new_facts_into_the_filters_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = card("acme/birds", "image-classification", "Names birds.", license="mit", downloads=1)
    CardStore.open(tmp_path, [*CARDS, one])
    counted = one.model_copy(update={"downloads": 2})
    with monkeypatch.context() as patched:
        patched.setattr(Collection, "update", lambda *_, **__: pytest.fail("Chroma was written"))
        assert CardStore.open(tmp_path, [*CARDS, counted]).card("acme/birds").downloads == 2
    freed = counted.model_copy(update={"license": None, "gated": True})
    store = CardStore.open(tmp_path, [*CARDS, freed])
    vector = MiniLM().embed_query("birds")
    assert store.search(vector, 9, {"license": "mit"}) == []
    assert [c for c, _ in store.search(vector, 9, {"gated": True})] == [freed]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted by /proc")
def test_a_store_that_is_no_longer_used_closes_its_files(tmp_path: Path) -> None:
    def opened(name: str) -> int:
        CardStore.open(tmp_path / name, CARDS, Counting())
        gc.collect()
        return len([*Path("/proc/self/fd").iterdir()])

    first = opened("first")
    assert max(opened(name) for name in "abc") <= first + 3  # an open one has about a dozen


def test_threads_may_open_one_folder_at_once_while_others_leave_it(tmp_path: Path) -> None:
    CardStore.open(tmp_path, CARDS)
    gc.collect()  # nothing holds the folder any more, so each of the rounds opens it anew

    def open_and_ask(_: int) -> list[tuple[ModelCard, float]]:
        store = CardStore.open(tmp_path, CARDS)
        return store.search(store.embedder.embed_query("spoken words"), k=1)

    with ThreadPoolExecutor(8) as threads:
        found = [hits for _ in range(5) for hits in threads.map(open_and_ask, range(8))]
    assert {hit[0].id for [hit] in found} == {"acme/whisper-tiny"}


def test_what_is_built_is_not_built_again(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    first = Counting()
    CardStore.open(tmp_path, CARDS, first, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (3, 3)]
    assert sorted(first.texts) == sorted(c.document for c in CARDS)
    again = Counting()
    CardStore.open(tmp_path, CARDS, again, progress=lambda *_: pytest.fail("built twice"))
    assert again.texts == []


def test_opening_a_built_store_does_not_load_torch(tmp_path: Path) -> None:
    CardStore.open(tmp_path, CARDS)
    code = (
        "import sys; from pathlib import Path; from hugginggraph.registry import *; "
        "cards = [ModelCard.model_validate_json(line) for line in sys.stdin]; "
        f"store = CardStore.open(Path({str(tmp_path)!r}), cards); "
        "print(len(store.all_cards()), 'torch' in sys.modules)"
    )
    lines = "\n".join(c.model_dump_json() for c in CARDS)
    out = subprocess.run(
        [sys.executable, "-c", code], input=lines, capture_output=True, text=True, check=True
    )
    assert out.stdout.split() == ["3", "False"]


def test_only_what_is_new_or_changed_is_embedded_and_what_vanished_is_removed(
    tmp_path: Path,
) -> None:
    CardStore.open(tmp_path, CARDS)
    changed = CARDS[0].model_copy(update={"description": "Reads the text in a picture (OCR)."})
    embedder = Counting()
    store = CardStore.open(tmp_path, [changed, CARDS[1], card("acme/new")], embedder)
    assert embedder.texts == [changed.document, card("acme/new").document]
    assert {c.id for c in store.all_cards()} == {"acme/captioner", "acme/sentiment", "acme/new"}
    assert store.card("acme/captioner") == changed
    assert store.search(MiniLM().embed_query("OCR"), 1)[0][0] == changed


def test_the_folder_of_a_checkpoint_is_this_installations_and_not_remembered(
    tmp_path: Path,
) -> None:
    here = card("acme/here", path="/first/install")
    assert CardStore.open(tmp_path, [here]).card("acme/here").path == Path("/first/install")
    moved = here.model_copy(update={"path": Path("/second/install")})
    embedder = Counting()
    assert CardStore.open(tmp_path, [moved], embedder).card("acme/here").path == moved.path
    assert embedder.texts == []
    stored = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"install" not in stored


def test_an_unknown_id_names_the_nearest(tmp_path: Path) -> None:
    store = CardStore.open(tmp_path, CARDS)
    with pytest.raises(UnknownModelError, match=r"'acme/whisper-tiny'.*models search"):
        store.card("openai/whisper-tinny")
    with pytest.raises(UnknownModelError, match=r"no model 'zzz'\. `hugg"):
        store.card("zzz")


BUILD = """
import sys
from pathlib import Path
from hugginggraph.registry import CardStore, MiniLM, ModelCard, build

class Telling(MiniLM):
    def embed_documents(self, texts):
        print(texts[0], flush=True)
        return super().embed_documents(texts)

build.BATCH = 1
cards = [ModelCard.model_validate_json(line) for line in sys.stdin]
built = CardStore.open(Path(sys.argv[1]), cards, Telling())
print("open", len(built.all_cards()), flush=True)
"""


def start_build(folder: Path, cards: list[ModelCard]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin
    process.stdin.write("\n".join(c.model_dump_json() for c in cards))
    process.stdin.close()
    return process


def many(count: int) -> list[ModelCard]:
    return [card(f"acme/model-{i}", text=f"Model number {i}.") for i in range(count)]


def test_a_killed_build_goes_on_where_it_was(tmp_path: Path) -> None:
    cards = many(30)
    process = start_build(tmp_path, cards)
    assert process.stdout
    for _ in range(12):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    embedder = Counting()
    store = CardStore.open(tmp_path, cards, embedder)
    assert 0 < len(embedder.texts) <= 20
    assert {c.id for c in store.all_cards()} == {c.id for c in cards}
    assert len(store.search(MiniLM().embed_query("number"), 30)) == 30


def test_while_a_batch_is_written_the_next_one_is_embedded_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hugginggraph.registry.records import Records

    begun = [threading.Event() for _ in range(6)]
    kept: list[str] = []
    ahead: list[int] = []
    put = Records.put

    def slow(records: Records, cards: Mapping[str, tuple[str, str, str]]) -> None:
        if len(kept) < 5:
            assert begun[len(kept) + 1].wait(60)  # the next one's embedding
        put(records, cards)
        kept.extend(cards)

    class Telling(MiniLM):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            number = [event.is_set() for event in begun].index(False)
            ahead.append(number - len(kept))
            begun[number].set()
            return super().embed_documents(texts)

    monkeypatch.setattr(Records, "put", slow)
    monkeypatch.setattr("hugginggraph.registry.build.BATCH", 1)
    assert len(CardStore.open(tmp_path, many(6), Telling())) == 6
    assert kept == [c.id for c in many(6)]
    assert set(ahead) <= {0, 1}


@pytest.mark.parametrize("kind", [RegistryError, KeyboardInterrupt])
def test_where_embedding_ends_early_what_was_embedded_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    class Failing(Counting):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if len(self.texts) >= 4:
                raise kind("No answer.")
            return super().embed_documents(texts)

    monkeypatch.setattr("hugginggraph.registry.build.BATCH", 2)
    told: list[tuple[int, int]] = []
    with pytest.raises(kind, match="No answer"):
        CardStore.open(tmp_path, many(9), Failing(), progress=lambda *now: told.append(now))
    assert told == [(0, 9), (2, 9), (4, 9)]
    embedder = Counting()
    assert len(CardStore.open(tmp_path, many(9), embedder)) == 9
    assert embedder.texts == [c.document for c in many(9)[4:]]


def test_two_processes_that_open_at_once_build_once(tmp_path: Path) -> None:
    cards = many(20)
    both = [start_build(tmp_path, cards) for _ in range(2)]
    outputs = []
    for process in both:
        assert process.stdout
        outputs.append(process.stdout.read().splitlines())
        process.stdout.close()
        assert process.wait() == 0
    assert [lines[-1] for lines in outputs] == ["open 20", "open 20"]
    embedded = [line for lines in outputs for line in lines[:-1]]
    assert sorted(embedded) == sorted(c.document for c in cards)


def test_a_store_of_another_embedder_is_refused_and_can_be_rebuilt(tmp_path: Path) -> None:
    CardStore.open(tmp_path, CARDS)
    with pytest.raises(RegistryError, match=r"all-MiniLM-L6-v2 .*another-encoder.*--rebuild"):
        CardStore.open(tmp_path, CARDS, Other())
    assert len(CardStore.open(tmp_path, CARDS, Other(), rebuild=True)) == 3
    with pytest.raises(RegistryError, match="--rebuild"):
        CardStore.open(tmp_path, CARDS)


def edit_manifest(folder: Path, **values: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_an_older_record_version_is_rebuilt_and_a_later_one_refused(tmp_path: Path) -> None:
    CardStore.open(tmp_path, CARDS)
    edit_manifest(tmp_path, record=0)
    embedder = Counting()
    assert len(CardStore.open(tmp_path, CARDS, embedder).all_cards()) == 3
    assert len(embedder.texts) == 3
    assert len(list(tmp_path.glob("chroma-*"))) == 1
    edit_manifest(tmp_path, record=99)
    with pytest.raises(RegistryError, match=r"later version.*record version 99.*--rebuild"):
        CardStore.open(tmp_path, CARDS)


def test_a_lost_chroma_folder_is_built_again(tmp_path: Path) -> None:
    CardStore.open(tmp_path, CARDS)
    edit_manifest(tmp_path, chroma="chroma-moved-away")
    assert len(CardStore.open(tmp_path, CARDS).all_cards()) == 3


@pytest.mark.parametrize("damage", ["manifest", "database", "junk"])
def test_a_damaged_folder_is_named_with_its_remedy_which_works(tmp_path: Path, damage: str) -> None:
    built, damaged = tmp_path / "built", tmp_path / "damaged"
    CardStore.open(built, CARDS)
    shutil.copytree(built, damaged)  # Chroma keeps files of an open folder in the process
    chroma = next(damaged.glob("chroma-*"))
    if damage == "manifest":
        (damaged / "manifest.json").write_text("{")
    elif damage == "database":
        (chroma / "chroma.sqlite3").write_bytes(b"SQLite format 3\0" + os.urandom(4000))
    else:
        (chroma / "chroma.sqlite3").write_bytes(os.urandom(4000))
    with pytest.raises(RegistryError, match=r"damaged.*hugginggraph models build --rebuild"):
        CardStore.open(damaged, CARDS)
    assert len(CardStore.open(damaged, CARDS, rebuild=True).all_cards()) == 3


def test_a_folder_that_cannot_be_made_is_a_registry_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match=r"cannot be used.*HUGGINGGRAPH_DATA_DIR"):
        CardStore.open(tmp_path / "file" / "registry", CARDS)


def test_an_empty_store_finds_nothing(tmp_path: Path) -> None:
    store = CardStore.open(tmp_path, [])
    assert store.search(MiniLM().embed_query("anything"), 5) == []
    assert store.all_cards() == []


def test_a_store_that_another_process_holds_is_named_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    monkeypatch.setattr("hugginggraph.registry.build.LOCK_SECONDS", 0.1)
    with (
        FileLock(tmp_path / "lock"),
        pytest.raises(RegistryError, match=r"Another process has been building.*Wait for it"),
    ):
        CardStore.open(tmp_path, CARDS)


@pytest.mark.parametrize("kept", [0, 1000, 8192])
def test_a_half_written_list_is_named_with_its_remedy_or_built_again(
    tmp_path: Path, kept: int
) -> None:
    built, damaged = tmp_path / "built", tmp_path / "damaged"
    CardStore.open(built, CARDS)
    shutil.copytree(built, damaged)
    listed = next(damaged.glob("chroma-*/cards.sqlite"))
    for wal in listed.parent.glob("cards.sqlite-*"):
        wal.unlink()
    listed.write_bytes(listed.read_bytes()[:kept])
    try:
        store = CardStore.open(damaged, CARDS)
    except RegistryError as exc:
        assert "hugginggraph models build --rebuild" in str(exc)
        store = CardStore.open(damaged, CARDS, rebuild=True)
    assert {c.id for c in store.all_cards()} == {c.id for c in CARDS}


def test_an_index_of_words_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    CardStore.open(tmp_path, CARDS).lexical.scores("photo")
    rows = next(tmp_path.glob("chroma-*/lexical/*/words-rows.npy"))
    rows.write_bytes(b"junk")
    words, _ = CardStore.open(tmp_path, CARDS).lexical.scores("photo")
    assert words.max() > 0
    assert not rows.exists()


def test_of_two_cards_with_one_id_the_last_is_kept(tmp_path: Path) -> None:
    twice = [CARDS[0], CARDS[0].model_copy(update={"description": "The later one."})]
    assert CardStore.open(tmp_path, twice).all_cards() == twice[1:]


def test_a_change_in_the_sources_is_seen_without_reading_every_card(tmp_path: Path) -> None:
    CardStore.open(tmp_path, CARDS)
    more = CardStore.open(tmp_path, [*CARDS, card("acme/new", text="Quite new.")])
    assert len(more) == 4
    assert "acme/new" in more.lexical.rows
    assert more.lexical.best(more.lexical.scores("quite new")[0], 1) == ["acme/new"]


@pytest.mark.parametrize("far_between", [1, 1000], ids=["a rare task", "a frequent task"])
def test_a_large_store_finds_by_meaning_and_by_words_as_a_small_one(
    far_between: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hugginggraph.registry import rank_cards

    cards = [*CARDS, *many(300)]
    store = CardStore.open(tmp_path, cards)
    small = [c.id for c, _ in rank_cards(store, "write down speech")][:1]
    for name, value in (("SMALL_STORE", 0), ("LOOKED_AT_WHOLE", 0), ("FAR_BETWEEN", far_between)):
        monkeypatch.setattr(f"hugginggraph.registry.ranking.{name}", value)
    large = [c.id for c, _ in rank_cards(store, "write down speech")][:1]
    assert small == large == ["acme/whisper-tiny"]
    task = ("automatic-speech-recognition",)
    assert [c.id for c, _ in rank_cards(store, "zzz", tasks=task, only=True)] == small
    named = [c.id for c, _ in rank_cards(store, "model-277")][:1]
    assert named == ["acme/model-277"]
