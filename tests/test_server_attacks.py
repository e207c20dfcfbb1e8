"""What an attacker tries, and that it leads nowhere. Each attack is first shown to be one."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.server
import json
import logging
import os
import socket
import ssl
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_app import Running, upload

from hugginggraph.graph import gather
from hugginggraph.registry import FileMissingError, Settings, SettingsError
from hugginggraph.serve.server.guard import check_binding
from hugginggraph.tools import reading_only

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'")  # LangServe's own
fetching = import_module("hugginggraph.serve.server.fetch")
ROOT = Path(__file__).parents[1]
SCENE = ROOT / "examples" / "scene.png"
ALICE, BOB = "alice-" + "a" * 20, "bob-" + "b" * 20
SECRET = "the-secret-of-the-house"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "secret.txt").write_text(f"{SECRET} is kept here. Nobody may read it. It is long.")
    return folder


@pytest.fixture(scope="module")
def settings(data_dir: Path, folder: Path) -> Settings:
    return Settings(
        offline=True, data_dir=data_dir, artifacts_dir=folder / "artifacts",
        server_tokens=f"{ALICE}, {BOB}", llm_api_key="sk-of-the-server",
    )  # fmt: skip


@pytest.fixture(scope="module")
def anyone(settings: Settings) -> Iterator[httpx.Client]:
    with Running(settings) as client:
        yield client


@pytest.fixture
def alice(anyone: httpx.Client) -> Iterator[httpx.Client]:
    with _as(anyone, ALICE) as client:
        yield client


@pytest.fixture
def bob(anyone: httpx.Client) -> Iterator[httpx.Client]:
    with _as(anyone, BOB) as client:
        yield client


def _as(client: httpx.Client, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=client.base_url, timeout=60, headers={"authorization": f"Bearer {token}"}
    )


def refused(reply: httpx.Response, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    body: dict[str, Any] = reply.json()
    assert set(body) == {"error", "message", "hint", "request_id"}
    assert body["message"] and body["request_id"] == reply.headers["x-request-id"]
    assert "Traceback" not in reply.text
    return body


def ask(client: httpx.Client, request: str, *files: str) -> httpx.Response:
    return client.post("/agent/invoke", json={"input": {"request": request, "files": list(files)}})


def test_a_path_in_a_request_reads_nothing_of_the_servers_disk(
    alice: httpx.Client, folder: Path
) -> None:
    path = folder / "secret.txt"
    found = gather(f"Summarize {path}", [], {})  # a person's own command line reads it
    assert found["r1"]["path"] == str(path)
    for spelled in (str(path), f"'{path}'", f"/tmp/../{path}", f"~/../..{path}"):
        for stage in ("/tasks", "/results", "/hugginggpt"):
            body = {"messages": [{"role": "user", "content": f"Summarize {spelled}"}]}
            assert SECRET not in alice.post(stage, json=body).text
        assert SECRET not in ask(alice, f"Summarize {spelled}").text
    there, missing = (ask(alice, f"Summarize {folder}/{name}.txt").json()["output"]
                      for name in ("secret", "absent"))  # fmt: skip
    assert there["answer"].replace("secret", "absent") == missing["answer"]  # not even that it is


@pytest.mark.parametrize(
    "name",
    ["../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "....//etc/passwd", "\0",
     "file:///etc/passwd", "data:text/plain,hello", "gopher://127.0.0.1/", "a" * 32 + "/../x"],
)  # fmt: skip
def test_a_files_field_takes_ids_and_nothing_else(alice: httpx.Client, name: str) -> None:
    refused(ask(alice, "Summarize it", name), 404)
    assert alice.get(f"/files/{name}".replace("\0", "%00")).status_code == 404


def test_a_name_that_leads_out_is_stopped_twice(
    alice: httpx.Client, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, files = (import_module(f"hugginggraph.serve.server.{name}") for name in ("runs", "files"))
    upload(alice, SCENE)
    home = next((settings.data_dir / "server" / "files").iterdir())
    name = os.path.relpath(folder / "secret.txt", home)
    assert name.startswith("..") and SECRET in (home / name).read_text()
    with monkeypatch.context() as broken:
        broken.setattr(files.Files, "find", lambda self, owner, name: self.home(owner) / name)
        assert SECRET not in ask(alice, "Summarize it", name).text
        broken.setattr(runs, "reading_only", lambda *_: contextlib.nullcontext())
        assert SECRET in ask(alice, "Summarize it", name).text  # with neither check it is read
    refused(ask(alice, "Summarize it", name), 404)


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "/etc/evil.txt", "..\\..\\evil.txt", "a\0b.txt"]
)
def test_the_name_of_an_upload_leads_nowhere(
    alice: httpx.Client, settings: Settings, name: str
) -> None:
    before = set(settings.data_dir.parent.rglob("*evil*"))
    reply = alice.post("/files", files={"file": (name, b"some words to read")})
    assert reply.status_code == 201
    made = set(settings.data_dir.parent.rglob("*evil*")) - before
    home = settings.data_dir / "server" / "files"
    assert all(path.is_relative_to(home) for path in made)


def test_a_thread_id_is_a_plain_name(alice: httpx.Client) -> None:
    for name in ("../x", "a/b", "", "x" * 65, "a\nb"):
        given = {"request": "hello", "thread_id": name}
        refused(alice.post("/agent/events", json=given), 422)


def test_a_symbolic_link_out_of_the_folder_is_not_followed(
    alice: httpx.Client, settings: Settings, folder: Path
) -> None:
    file_id = upload(alice, ROOT / "examples" / "article.txt")
    (place,) = (settings.data_dir / "server" / "files").glob(f"*/{file_id[:32]}/*")
    place.unlink()
    place.symlink_to(folder / "secret.txt")
    assert SECRET in place.read_text()
    refused(alice.get(f"/files/{file_id}"), 404)
    refused(ask(alice, "Summarize it", file_id), 404)
    with reading_only(place.parent), pytest.raises(FileMissingError):
        gather("Summarize it", [str(place)], {})


def test_another_callers_file_and_thread_are_not_there(
    alice: httpx.Client, bob: httpx.Client
) -> None:
    file_id = upload(alice, SCENE)
    given = {"request": f"Describe /files/{file_id}", "thread_id": "mine"}
    out = alice.post("/agent/invoke", json={"input": given}).json()["output"]
    assert "yellow circle" in out["answer"]
    assert alice.get(f"/files/{file_id}").status_code == 200
    refused(bob.get(f"/files/{file_id}"), 404)
    refused(ask(bob, "Describe it", file_id), 404)
    refused(ask(bob, f"Describe /files/{file_id}"), 404)
    assert alice.get("/threads/mine").status_code == 200
    refused(bob.get("/threads/mine"), 404)
    refused(bob.post("/agent/resume", json={"thread_id": "mine", "answer": 1}), 404)
    same = {"input": {**given, "request": "Describe scene.png"}}
    assert "yellow circle" in alice.post("/agent/invoke", json=same).text  # the thread knows it
    assert "yellow circle" not in bob.post("/agent/invoke", json=same).text


def test_what_one_caller_made_is_not_anothers(alice: httpx.Client, bob: httpx.Client) -> None:
    out = ask(alice, "Draw the edges of scene.png", upload(alice, SCENE)).json()["output"]
    (made,) = [r["url"] for r in out["resources"].values() if "task" in r]
    assert alice.get(made).status_code == 200
    refused(bob.get(made), 404)


def test_without_a_token_or_with_a_wrong_one_nothing_is_told(anyone: httpx.Client) -> None:
    for path in ("/metrics", "/docs", "/openapi.json", "/running", "/agent/playground/", "/x"):
        refused(anyone.get(path), 401)
    with _as(anyone, ALICE[:-1]) as wrong:
        refused(wrong.get("/running"), 401)
    assert anyone.get("/healthz").status_code == 200
    assert anyone.get("/running", auth=("any", ALICE)).status_code == 200  # a browser's way


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
     "0.0.0.0", "::1", "::ffff:127.0.0.1", "fe80::1", "fd00::1", "64:ff9b::7f00:1", "2002:7f00:1::",
     "224.0.0.1", "255.255.255.255"],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_networks_are_not_public(address: str) -> None:
    assert not fetching.is_public(address)
    assert fetching.is_public("93.184.216.34") and fetching.is_public("2606:4700::1111")


class _Inside(http.server.BaseHTTPRequestHandler):
    """A service of the inside network that an attacker would like the server to ask."""

    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(SECRET.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def inside() -> Iterator[Any]:
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Inside)
    server.asked = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_an_address_of_the_inside_is_not_asked(alice: httpx.Client, inside: Any) -> None:
    port = inside.server_port
    assert httpx.get(f"http://127.0.0.1:{port}/a.txt").text == SECRET  # it could be reached
    asked = inside.asked
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"):
        url = f"http://{host}:{port}/a.png"
        refused(ask(alice, "Describe it", url), 400)
        body = {"messages": [{"role": "user", "content": f"Describe {url}"}]}
        assert alice.post("/hugginggpt", json=body).status_code == 400
        refused(alice.post("/models/hugginggraph/shapes-captioner", json={"img_url": url}), 400)
    refused(ask(alice, "Describe it", "http://169.254.169.254/latest/meta-data/x.txt"), 400)
    refused(ask(alice, "Describe it", "http://user:pw@example.com/x.txt"), 400)
    assert inside.asked == asked


async def test_a_redirect_and_a_second_answer_of_the_dns_lead_to_nothing_inside(
    inside: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The public web is played by a server of this machine: the one address taken as public."""
    from hugginggraph.serve.server.files import Files
    from hugginggraph.serve.server.refusals import Refusal

    class Outside(_Inside):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("location", f"http://localhost:{inside.server_port}/x.txt")
            self.end_headers()

    outside: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outside)
    threading.Thread(target=outside.serve_forever, daemon=True).start()
    answers = {"public.example": ["127.0.0.1"], "localhost": ["127.0.0.1"]}
    lookups: list[str] = []

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        lookups.append(host)
        return [(0, 0, 0, "", (answer, port)) for answer in answers[host]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr(fetching, "is_public", lambda _: lookups[-1] == "public.example")
    files = Files(settings.data_dir / "server" / "files", 1000)
    with pytest.raises(Refusal, match="not a public one"):
        await fetching.fetch(f"http://public.example:{outside.server_port}/x.txt", "o", files)
    assert lookups == ["public.example", "localhost"]  # each hop is looked up once, then pinned
    assert inside.asked == 0
    outside.shutdown()
    outside.server_close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of public.example, and of nobody else, that has signed itself."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
         "-subj", "/CN=public.example", "-addext", "subjectAltName=DNS:public.example"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


def every_host_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of this machine plays any public one."""

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr(fetching, "is_public", lambda _: True)


@pytest.mark.parametrize(
    ("host", "trusted", "taken"),
    [("public.example", True, True), ("public.example", False, False),
     ("other.example", True, False)],
)  # fmt: skip
async def test_an_https_address_is_pinned_and_its_certificate_is_still_checked(
    authority: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch,
    host: str, trusted: bool, taken: bool,
) -> None:  # fmt: skip
    """A server of this machine plays public.example: the name is checked, not the address."""
    from hugginggraph.serve.server.files import Files
    from hugginggraph.serve.server.refusals import Refusal

    named: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    asked: list[str] = []

    class Web(_Inside):
        def do_GET(self) -> None:
            asked.append(self.headers["host"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"Some words to read.")

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    threading.Thread(target=web.serve_forever, daemon=True).start()

    every_host_is_this_machine(monkeypatch)
    if trusted:
        believed = ssl.create_default_context(cafile=str(authority / "cert.pem"))
        monkeypatch.setattr(fetching, "trust", lambda: believed)
    files = Files(settings.data_dir / "server" / "files", 1000)
    url = f"https://{host}:{web.server_port}/words.txt"
    try:
        if taken:
            path = await fetching.fetch(url, "o", files)
            assert path.read_bytes() == b"Some words to read."
            assert asked == [f"{host}:{web.server_port}"]
        else:
            with pytest.raises(Refusal, match="could not be read"):
                await fetching.fetch(url, "o", files)
            assert asked == []
        assert named == [
            host
        ]  # what was said in the clear is the name, though the address is fixed
    finally:
        web.shutdown()
        web.server_close()


class _Lost(http.server.BaseHTTPRequestHandler):
    """Answers with a code that says "elsewhere", and with the place that the path names, if any."""

    def do_GET(self) -> None:
        self.send_response(302 if self.path != "/" else 304)
        if self.path != "/":
            self.send_header("location", self.path[1:])
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize("leads", [None, "", "http://[x.png"])
async def test_an_address_that_is_none_is_refused_also_where_another_one_leads_to_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, leads: str | None
) -> None:
    from hugginggraph.serve.server.files import Files
    from hugginggraph.serve.server.refusals import Refusal

    files, url = Files(settings.data_dir / "server" / "files", 1000), "http://[x.png"
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Lost)
    threading.Thread(target=web.serve_forever, daemon=True).start()

    every_host_is_this_machine(monkeypatch)
    if leads is not None:
        url = f"http://public.example:{web.server_port}/{leads}"
    try:
        with pytest.raises(Refusal, match=r"The address (is none|answered 304)"):
            await fetching.fetch(url, "o", files)
    finally:
        web.shutdown()
        web.server_close()


async def test_one_private_answer_among_public_ones_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from hugginggraph.serve.server.refusals import Refusal

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (a, port)) for a in ("93.184.216.34", "10.0.0.7")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(Refusal, match="not a public one"):
        await fetching.public_address("mixed.example", 80)


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\0" * ((width + 7) // 8)) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_small_file_that_is_a_huge_picture_is_not_taken(alice: httpx.Client) -> None:
    bomb = _png(20_000, 20_000)
    assert len(bomb) < 100_000  # and 1.2 GB once it is opened as RGB
    body = refused(alice.post("/files", files={"file": ("a.png", bomb)}), 415)
    assert "megapixels" in body["message"]


def test_packed_bodies_are_not_unpacked(alice: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    refused(alice.post("/agent/invoke", content=bomb, headers=headers), 422)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.png", b"<html><script>alert(1)</script></html>"), ("a.svg", b"<svg onload='alert(1)'/>"),
     ("a.html", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;<script>alert(1)</script>"),
     ("a.png", b"MZ" + b"\0\x90" * 200), ("a.pkl", b"\x80\x04cos\nsystem\n(S'id'\ntR." + b"\0"),
     ("a.pdf", b"%PDF-1.4 " + b"\0" * 99)],
)  # fmt: skip
def test_a_file_that_is_not_what_its_name_says_is_not_taken(
    alice: httpx.Client, name: str, content: bytes
) -> None:
    refused(alice.post("/files", files={"file": (name, content)}), 415)


def test_what_could_hold_script_is_saved_and_never_shown(alice: httpx.Client) -> None:
    script = b"<html><script>alert(1)</script></html>"
    for name, content in (("a.html", script), ("a.txt", script), ("a.xml", b"<x/>" + script)):
        file_id = alice.post("/files", files={"file": (name, content)}).json()["id"]
        reply = alice.get(f"/files/{file_id}")
        assert reply.content == content
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        assert reply.headers["content-disposition"].startswith("attachment")
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in reply.headers["content-security-policy"]


def test_a_picture_with_script_behind_it_is_shown_as_a_picture_only(alice: httpx.Client) -> None:
    polyglot = SCENE.read_bytes() + b"<script>alert(1)</script>"
    assert b"<script>" in polyglot
    file_id = alice.post("/files", files={"file": ("a.png", polyglot)}).json()["id"]
    reply = alice.get(f"/files/{file_id}")
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_body_that_is_too_large_is_cut_off(alice: httpx.Client) -> None:
    refused(alice.post("/agent/events", json={"request": "x" * 3_000_000}), 413)

    def endless() -> Iterator[bytes]:  # no length is named
        yield b'{"request": "'
        for _ in range(100):
            yield b"x" * 100_000

    try:
        reply = alice.post("/agent/events", content=endless())
        refused(reply, 413)
    except httpx.WriteError:
        pass  # closed while it was still being sent


def test_an_upload_beyond_the_bound_leaves_nothing(data_dir: Path, tmp_path: Path) -> None:
    settings = Settings(offline=True, data_dir=tmp_path, server_upload_bytes=200_000)
    with Running(settings) as http:
        refused(http.post("/files", files={"file": ("a.txt", b"words " * 100_000)}), 413)
        refused(http.post("/files", files={"file": ("a.txt", b"words " * 35_000)}), 413)
    assert [p for p in (tmp_path / "server" / "files").rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    "head", [b"GET /healthz HT", b"POST /agent/events HTTP/1.1\r\nHost: 127.0.0"]
)
def test_a_client_that_never_ends_its_head_is_let_go(
    head: bytes, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = import_module("hugginggraph.serve.server.patience")

    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    with (
        Running(Settings(offline=True, data_dir=data_dir)) as http,
        socket.create_connection(("127.0.0.1", http.base_url.port or 0)) as held,
    ):
        held.sendall(head)
        held.settimeout(2)
        with pytest.raises(TimeoutError):  # uvicorn alone holds it
            held.recv(100)
    with Running(Settings(offline=True, data_dir=data_dir), http=patience.Protocol) as http:
        with socket.create_connection(("127.0.0.1", http.base_url.port or 0)) as slow:
            slow.sendall(head)
            slow.settimeout(10)
            assert slow.recv(100) == b""
        assert http.get("/healthz").status_code == 200


def test_a_client_that_never_ends_its_body_is_let_go(
    anyone: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hugginggraph.serve.server import guard

    def begin() -> socket.socket:
        slow = socket.create_connection(("127.0.0.1", anyone.base_url.port or 0))
        slow.sendall(
            b"POST /agent/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {ALICE}\r\nContent-Length: 100\r\n\r\n{{".encode()
        )
        return slow

    monkeypatch.setattr(guard, "PATIENCE", 600.0)
    with begin() as held:
        held.settimeout(2)
        with pytest.raises(TimeoutError):
            held.recv(4000)
    monkeypatch.setattr(guard, "PATIENCE", 0.3)
    with begin() as slow:
        slow.settimeout(10)
        assert b" 408 " in slow.recv(4000).splitlines()[0]


def test_a_name_cannot_bring_headers_along(
    alice: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hugginggraph.serve.server import guard

    with monkeypatch.context() as broken:  # uvicorn does not write it, and the reply is lost
        broken.setitem(guard._HEADERS, b"x-name", b"a.txt\r\nset-cookie: evil=1")
        with pytest.raises(httpx.RemoteProtocolError):
            alice.get("/x")
    spelled = (
        b'filename="a\r\nSet-Cookie: evil=1\r\n.txt"',
        b'filename="a%0d%0aSet-Cookie: evil=1%0d%0a.txt"',
        b"filename*=UTF-8''a%0d%0aSet-Cookie:%20evil=1%0d%0a.txt",
    )
    for name in spelled:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; ' + name
        headers = {"content-type": "multipart/form-data; boundary=b"}
        raw = head + b"\r\n\r\nsome words\r\n--b--\r\n"
        reply = alice.post("/files", content=raw, headers=headers)
        assert "set-cookie" not in reply.headers
        assert reply.status_code in (201, 400, 422), reply.text
        if reply.status_code == 201:
            assert "set-cookie" not in alice.get(f"/files/{reply.json()['id']}").headers
    echoed = alice.get("/x", headers={"x-request-id": "mine"})
    assert echoed.headers["x-request-id"] != "mine"


def test_pages_of_other_sites_and_other_names_get_nothing(data_dir: Path) -> None:
    with Running(Settings(offline=True, data_dir=data_dir)) as http:
        given = {"input": {"request": "hello"}}
        assert http.post("/agent/invoke", json=given).status_code == 200
        evil = {"origin": "http://evil.example"}
        refused(http.post("/agent/invoke", json=given, headers=evil), 403)
        refused(http.get("/running", headers={"host": "evil.example"}), 421)  # DNS rebinding
        assert "access-control-allow-origin" not in http.get("/running", headers=evil).headers


def test_an_origin_that_is_set_may_ask(data_dir: Path) -> None:
    site = "https://good.example"
    settings = Settings(offline=True, data_dir=data_dir, server_origins=(site,))
    with Running(settings) as http:
        asked = {"origin": site, "access-control-request-method": "POST"}
        reply = http.options("/agent/invoke", headers=asked)
        assert reply.headers["access-control-allow-origin"] == site
        other = http.options("/agent/invoke", headers={**asked, "origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


def test_too_many_requests_and_too_many_runs_are_asked_to_wait(data_dir: Path) -> None:
    settings = Settings(offline=True, data_dir=data_dir, server_requests_per_minute=3,
                        server_runs=1)  # fmt: skip
    with Running(settings) as http:
        runs: Any = http.post("/agent/invoke", json={"input": {"request": "hello"}})
        assert runs.status_code == 200
        replies = [http.post("/agent/invoke", json={"input": {}}) for _ in range(3)]
        body = refused(replies[-1], 429)
        assert "3 requests" in body["message"] and int(replies[-1].headers["retry-after"]) >= 1


def test_more_runs_than_are_set_wait(data_dir: Path) -> None:
    server = Running(Settings(offline=True, data_dir=data_dir, server_runs=1))
    with server as http:
        assert server.app.state.runs.slots.take()
        reply = ask(http, "hello")
        refused(reply, 429)
        assert int(reply.headers["retry-after"]) >= 1


def test_secrets_are_in_no_error_and_no_log(
    alice: httpx.Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
    anyone: httpx.Client,
) -> None:  # fmt: skip
    from hugginggraph.serve.server.runs import Runs

    async def broken(*_: Any) -> None:
        raise RuntimeError("no way on")

    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(Runs, "history", broken)
    told = refused(alice.get("/threads/x"), 500)
    assert "no way on" not in json.dumps(told) and told["request_id"] in caplog.text
    with _as(anyone, "wrong-token-0123456789") as other:
        wrong = other.get("/running").text
    keyed = alice.post("/tasks", json={"messages": "sk-in-the-body"})
    refused(keyed, 422)
    traced = alice.post("/agent/stream_events", json={"input": {"request": "hello"}}).text
    assert "on_chain_start" in traced and '"respond"' in traced
    for text in (wrong, keyed.text, caplog.text, json.dumps(told), traced):
        for secret in (ALICE, BOB, "sk-of-the-server", "sk-in-the-body", "wrong-token-0123"):
            assert secret not in text


def test_no_option_of_a_run_names_another_llm_or_what_does_not_exist(alice: httpx.Client) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"llm": "openai:gpt-4"}, {"folders": ["/"]}, {"planner": "evil"},
    )  # fmt: skip
    for options in wrong:
        given = {"request": "hello", "options": options}
        refused(alice.post("/agent/events", json=given), 422)
        refused(alice.post("/agent/invoke", json={"input": given}), 422)
    named = {"input": {"request": "hello"}, "config": {"configurable": {"thread_id": "x/y"}}}
    assert alice.post("/agent/invoke", json=named).json()["output"]["thread_id"] == ""


def test_short_tokens_are_refused() -> None:
    with pytest.raises(SettingsError, match="shorter than 16"):
        check_binding("0.0.0.0", Settings(server_tokens="abc"))
