"""The Hub on loopback with the files of models: metadata, ETags, ranges, a CDN, breaks and lies."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from hub_listing import Hub, _Handler

LARGE = 1_000_000
"""Bytes from which a file stands on the CDN, as LFS files do."""
REVISION = "0123456789abcdef0123456789abcdef01234567"


class FileHub(Hub):
    """``folders`` are models by id. The other fields are by file name:

    ``claims`` are sizes that the listing says instead of the true ones; ``heads`` those that the
    headers say; ``breaks`` are bytes after which the next download of the file breaks off, each
    number once; ``ranges`` are the ``Range`` headers that were asked with. While ``down`` is set,
    every connection is cut.
    """

    def __init__(self, **folders: Path) -> None:
        super().__init__()
        self.folders = {name.replace("__", "/"): folder for name, folder in folders.items()}
        self.claims: dict[str, int] = {}
        self.heads: dict[str, int] = {}
        self.breaks: dict[str, list[int]] = {}
        self.ranges: list[str] = []
        self.down = threading.Event()

    def file(self, path: str) -> Path | None:
        """The file of ``/ID/resolve/REVISION/NAME`` or ``/cdn/ID/resolve/…``."""
        model, _, rest = path.removeprefix("/cdn").lstrip("/").partition("/resolve/")
        file = self.folders.get(model, Path("/nowhere")) / rest.partition("/")[2]
        return file if file.is_file() else None


class FileHandler(_Handler):
    """Answers as the Hub does for ``HfApi.model_info``, ``get_hf_file_metadata`` and downloads."""

    hub: FileHub

    def do_HEAD(self) -> None:
        self.hub.asked.append(f"HEAD {self.path}")
        if self.hub.down.is_set():
            return self._cut()
        if self.path == "/":
            return self._send(200, {}, b"")
        file = self.hub.file(urlsplit(self.path).path)
        if file is None:
            return self._send(404, {"X-Error-Code": "EntryNotFound"}, b"")
        etag = f'"{hashlib.sha256(file.read_bytes()).hexdigest()}"'
        size = str(self.hub.heads.get(file.name, file.stat().st_size))
        facts = {"X-Repo-Commit": REVISION, "ETag": etag, "Accept-Ranges": "bytes"}
        if file.stat().st_size >= LARGE:
            cdn = self.hub.url.replace("127.0.0.1", "localhost") + "/cdn"  # another host
            facts |= {"X-Linked-Etag": etag, "X-Linked-Size": size}
            return self._head(302, {**facts, "Location": f"{cdn}{self.path}"}, "0")
        self._head(200, facts, size)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _head(self, status: int, headers: dict[str, str], length: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.hub.asked.append(self.path)
        if path.startswith("/cdn") and "Authorization" in self.headers:
            self.hub.asked.append("a token on the CDN")
        if self.hub.down.is_set():
            self._cut()
        elif path.startswith("/api/models/"):
            self._facts(path.removeprefix("/api/models/"))
        elif file := self.hub.file(path):
            self._content(file)
        else:
            self._send(404, {"X-Error-Code": "EntryNotFound"}, b"")

    def _facts(self, model: str) -> None:
        folder = self.hub.folders.get(model)
        if folder is None:
            return self._send(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        siblings = [
            {
                "rfilename": file.relative_to(folder).as_posix(),
                "size": self.hub.claims.get(file.name, file.stat().st_size),
            }
            for file in files
        ]
        facts = {"id": model, "sha": REVISION, "siblings": siblings, "tags": []}
        self._send(200, {}, json.dumps(facts).encode())

    def _content(self, file: Path) -> None:
        body, start = file.read_bytes(), 0
        size = self.hub.heads.get(file.name, len(body))
        body = body.ljust(size, b"\0")[:size]
        if asked := self.headers.get("Range"):
            self.hub.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        breaks = self.hub.breaks.get(file.name)
        end = breaks.pop(0) if breaks else len(body)
        with suppress(OSError):  # the client has read enough
            self.wfile.write(body[start:end])
        if end < len(body):
            self.wfile.flush()
            self.close_connection = True
