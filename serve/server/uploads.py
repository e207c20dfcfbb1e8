"""``POST /files``: a form with one file, written to disk as it comes in."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from .refusals import Refusal

_NO_FORM = "The body is not a form with a file in it."
_HINT = "Send multipart/form-data with one file, as `curl -F file=@photo.png` does."


class _Form:
    """Takes a form apart; what is in the first part with a file name is the file."""

    def __init__(self, boundary: bytes) -> None:
        self.name = ""
        self.pieces: list[bytes] = []
        self._field, self._value, self._here = b"", b"", False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )

    def take(self, data: bytes) -> None:
        self._parser.write(data)

    def finish(self) -> None:
        self._parser.finalize()

    def _begin(self) -> None:
        self._field, self._value = b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition" and not self.name:
            name = parse_options_header(self._value)[1].get(b"filename", b"")
            self.name = name.decode("utf-8", "replace")
            self._here = bool(self.name)
        self._field, self._value = b"", b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._here:
            self.pieces.append(data[start:end])

    def _end(self) -> None:
        self._here = False


async def uploaded(request: Request) -> tuple[str, AsyncIterator[bytes]]:
    """The name of the file in a request's form, and its bytes as they arrive.

    Raises:
        Refusal: the body is no such form (415, 422).
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Refusal(415, _NO_FORM, _HINT)
    form, stream = _Form(boundary), request.stream()
    async for chunk in stream:
        _take(form, chunk)
        if form.name:
            break
    if not form.name:
        raise Refusal(422, _NO_FORM, _HINT)

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            while form.pieces:
                yield form.pieces.pop(0)
            try:
                _take(form, await anext(stream))
            except StopAsyncIteration:
                break
        try:
            form.finish()
        except FormParserError as exc:
            raise Refusal(422, "The form breaks off.", _HINT) from exc

    return form.name, pieces()


def _take(form: _Form, chunk: bytes) -> None:
    try:
        form.take(chunk)
    except FormParserError as exc:
        raise Refusal(422, _NO_FORM, _HINT) from exc
