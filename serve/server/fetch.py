"""Files from the web, fetched for a caller: only from public addresses, and never beyond a bound.

The name is resolved here, every address it has must be public, and the connection goes to the
address that was checked, so that a second answer of the DNS leads nowhere else. Redirects go
through the same check. Credentials and ports of the address are the caller's to name; nothing of
the server's (cookies, tokens, proxies) is sent.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from .files import Files
from .refusals import Refusal

REDIRECTS = 3
SECONDS = 30.0
_HINT = "Give an http(s) address that anyone can reach, or upload the file at POST /files."


async def fetch(url: str, owner: str, files: Files) -> Path:
    """The file at a public address, saved as one of the owner's.

    Raises:
        Refusal: the address is not public (400), or gives no file that a task reads.
    """
    try:
        async with asyncio.timeout(SECONDS):
            for _ in range(REDIRECTS + 1):
                found = await _get(url, owner, files)
                if isinstance(found, Path):
                    return found
                url = found
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
        raise Refusal(400, "The address could not be read.", _HINT) from exc
    except TimeoutError as exc:
        raise Refusal(400, "The address did not answer in time.", _HINT) from exc
    raise Refusal(400, "The address leads on and on.", _HINT)


async def public_address(host: str, port: int) -> str:
    """The first IP address of a host, where all that it has are public.

    Raises:
        Refusal: the host has none, or one that is not public.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise Refusal(400, "The address has a host that is not known.", _HINT) from exc
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(is_public, addresses)):
        raise Refusal(400, "The address is not a public one.", _HINT)
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, whatever it is wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


@cache
def trust() -> ssl.SSLContext:
    """Whose certificates are believed. Reading them takes longer than many a fetch."""
    return httpx.create_ssl_context(trust_env=False)


async def _get(url: str, owner: str, files: Files) -> Path | str:
    """The saved file, or where the address leads on to."""
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise Refusal(400, "The address is none.", _HINT) from exc
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as exc:
        raise Refusal(400, "The address has a port that is none.", _HINT) from exc
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise Refusal(400, "The address is not a plain http(s) one.", _HINT)
    address = await public_address(parts.hostname, port)
    pinned = httpx.URL(url).copy_with(host=address)
    async with (
        httpx.AsyncClient(
            verify=await asyncio.to_thread(trust), trust_env=False, timeout=10.0
        ) as client,
        client.stream(
            "GET",
            pinned,
            headers={"Host": parts.netloc, "Accept-Encoding": "identity"},
            extensions={"sni_hostname": parts.hostname},
        ) as response,
    ):
        if response.has_redirect_location:
            return _onward(url, response.headers["location"])
        if response.status_code != 200:
            raise Refusal(400, f"The address answered {response.status_code}.", _HINT)
        name = parts.path.rsplit("/", 1)[-1] or "file"
        file_id, _ = await files.save(owner, name, _chunks(response))
        return files.find(owner, file_id)


def _onward(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as exc:
        raise Refusal(400, "The address is none.", _HINT) from exc


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_raw(65536):  # raw: what is packed stays packed
        yield chunk
