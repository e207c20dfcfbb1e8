"""A Hub on loopback: listing pages with Link headers, card files with ETags, limits and faults."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Hub:
    """What the server has and what it was asked.

    ``texts`` are card texts by id. ``faults`` are (status, headers, body) that the next requests
    whose path begins as named get, each once. ``page`` is the largest page. ``slow`` are seconds
    that each card text takes.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.texts: dict[str, bytes] = {}
        self.faults: list[tuple[str, int, dict[str, str], bytes]] = []
        self.page = 100
        self.slow = 0.0
        self.asked: list[str] = []
        self.url = ""

    def add(self, model_id: str, task: str | None, text: str | bytes = "", **facts: Any) -> None:
        """Put a model in, or a new version of it; the revision is a hash of its text."""
        body = text if isinstance(text, bytes) else text.encode()
        row = {"id": model_id, "sha": hashlib.sha1(body).hexdigest(), "pipeline_tag": task,
               "downloads": 10, "likes": 1, "gated": False, "tags": ["transformers"],
               "lastModified": "2024-01-01T00:00:00.000Z", **facts}  # fmt: skip
        self.remove(model_id)
        self.rows.append(row)
        self.texts[model_id] = body

    def remove(self, model_id: str) -> None:
        self.rows = [row for row in self.rows if row["id"] != model_id]

    def count(self, start: str) -> int:
        """How many requests had a path that begins so."""
        return sum(path.startswith(start) for path in self.asked)

    def texts_asked(self) -> list[str]:
        """The ids whose card text was asked for."""
        return [path[1:].partition("/resolve/")[0] for path in self.asked if "/resolve/" in path]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._send(200, {}, b"")

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.hub.asked.append(self.path)
        for fault in self.hub.faults:
            if parts.path.startswith(fault[0]):
                self.hub.faults.remove(fault)
                self._send(*fault[1:])
                return
        if parts.path == "/api/models":
            self._listing(parse_qs(parts.query))
        else:
            self._text(parts.path)

    def _listing(self, query: dict[str, list[str]]) -> None:
        rows = self.hub.rows
        if task := query.get("pipeline_tag"):
            rows = [row for row in rows if row["pipeline_tag"] == task[0]]
        key = query.get("sort", ["downloads"])[0]
        rows = sorted(rows, key=lambda row: row[key], reverse=True)
        start = int(query.get("cursor", ["0"])[0])
        size = min(self.hub.page, int(query["limit"][0]))
        wanted = {"id", *query["expand"]}
        shown = [{k: v for k, v in row.items() if k in wanted} for row in rows[start:][:size]]
        headers = {}
        if start + size < len(rows):
            base = "&".join(p for p in urlsplit(self.path).query.split("&") if "cursor=" not in p)
            following = f"{self.hub.url}/api/models?{base}&cursor={start + size}"
            headers["Link"] = f'<{following}>; rel="next"'
        self._send(200, headers, json.dumps(shown).encode())

    def _text(self, path: str) -> None:
        if self.hub.slow:
            threading.Event().wait(self.hub.slow)
        body = self.hub.texts.get(path[1:].partition("/resolve/")[0], b"")
        etag = f'"{hashlib.sha1(body).hexdigest()}"'
        if not body:
            self._send(404, {"X-Error-Code": "EntryNotFound"}, b"Entry not found")
        elif self.headers.get("If-None-Match") == etag:
            self._send(304, {"ETag": etag}, b"")
        else:
            self._send(200, {"ETag": etag}, body)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client has read enough

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error of the server."""


@contextmanager
def serving(hub: Hub, handles: type[_Handler] = _Handler) -> Iterator[str]:
    """The address of the server while it runs."""
    handler = type("Handler", (handles,), {"hub": hub})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        hub.url = f"http://127.0.0.1:{server.server_port}"
        yield hub.url
        server.shutdown()
        thread.join()
