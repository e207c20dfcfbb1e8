"""Fetching a model from the Hub into the Hugging Face cache: what is needed, whole, and no more.

The sizes that the Hub states are checked against the disk and against the model's card before the
first byte, and against what comes while it comes. A weight file that breaks off is kept beside the
cache's own and goes on from there, in this process or in another; one whose size is not what was
said is removed. The main revision is in the cache only when all of it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from hugginggraph.registry import (
    DownloadError,
    HuggingGraphError,
    ModelCard,
    disk_free,
    hub_lost,
    missing_parts,
    readable_size,
)

from .cancel import check_cancelled
from .progress import report

TEXTS = frozenset({".json", ".txt", ".model", ".jinja", ".spm", ".vocab", ".tiktoken"})
WEIGHTS = frozenset({".safetensors", ".skops"})
WHOLE = ("model.safetensors", "diffusion_pytorch_model.safetensors")
ELSEWHERE = ("onnx", "openvino", "coreml", "flax", "original", ".cache")
"""Folders of the same weights for other libraries."""
LARGE = 5_000_000
"""Bytes from which a file is fetched so that it can go on after a break."""
MORE_THAN_SAID, BESIDE_WEIGHTS = 1.2, 100_000_000
"""How much more than its card says a model may be, and the bytes of tokenizers and the like."""
CHUNK = 1_000_000
SECONDS, TRIES, PAUSE = 10.0, 3, 1.0
"""Seconds that a connection may be silent, how often nothing may come, and seconds between."""


def fetch(card: ModelCard, token: str | None = None, *, code: bool = False) -> Path:
    """The folder of the model's main revision in the cache, with all that its library needs.

    ``code`` fetches its Python files too, for a model that may run them.

    Raises:
        DownloadError: it is not on the Hub, does not fit on the disk, broke off, or is not what
            was said; the message has the numbers.
        CancelledRunError: the run was stopped.
    """
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.constants import HF_HUB_CACHE

    home = Path(HF_HUB_CACHE) / f"models--{card.id.replace('/', '--')}"
    with named_errors(card.id), _alone(home):
        info = HfApi(token=token).model_info(card.id, files_metadata=True, timeout=SECONDS)
        sizes = wanted({each.rfilename: each.size or 0 for each in info.siblings or ()}, code)
        folder = home / "snapshots" / str(info.sha)
        todo = {name: size for name, size in sizes.items() if not (folder / name).is_file()}
        _check_sizes(card, sizes, todo)
        done, total = 0, sum(todo.values())
        for name, size in sorted(todo.items(), key=lambda item: item[1]):
            bar = partial(_Bar, card.id, name, size, done, total)
            if size >= LARGE:
                _fetch_blob(card.id, name, str(info.sha), home, token, bar)
            shown: Any = bar  # it calls what should be a class
            hf_hub_download(card.id, name, revision=info.sha, token=token, tqdm_class=shown)
            done += size
        if missing := missing_parts(folder):
            raise DownloadError(
                f"The model '{card.id}' has no {', '.join(missing[:3])} on the Hub.",
                "Choose another model.",
            )
        (home / "refs").mkdir(exist_ok=True)
        (home / "refs" / "main").write_text(str(info.sha), "utf-8")
    return folder


def wanted(sizes: Mapping[str, int], code: bool = False) -> dict[str, int]:
    """Of a repository's files and their sizes those that are loaded here.

    Weights as safetensors or skops: the whole file where a folder has one, else its shards; in the
    folders of a Diffusers model, else at the top only.
    """
    several, kinds = "model_index.json" in sizes, TEXTS | WEIGHTS | ({".py"} if code else set())
    chosen = {}
    for name, size in sizes.items():
        path = PurePosixPath(name)
        if path.parts[0] in ELSEWHERE or path.suffix not in kinds:
            continue
        if path.suffix in WEIGHTS:
            nested = len(path.parts) > 1
            beside = [str(path.with_name(whole)) for whole in WHOLE]
            if nested != several or (name not in beside and any(b in sizes for b in beside)):
                continue
        chosen[name] = size
    return chosen


def _check_sizes(card: ModelCard, sizes: Mapping[str, int], todo: Mapping[str, int]) -> None:
    if not any(PurePosixPath(name).suffix in WEIGHTS for name in sizes):
        raise DownloadError(
            f"The model '{card.id}' has no safe weights on the Hub.", "Choose another model."
        )
    whole, said = sum(sizes.values()), card.size_bytes
    if said and whole > MORE_THAN_SAID * said + BESIDE_WEIGHTS:
        raise DownloadError(
            f"The model '{card.id}' is {readable_size(whole)}, not the {readable_size(said)} that "
            "its card says.",
            f"Fetch it by `hf download {card.id}` if that is meant.",
        )
    need, free = sum(todo.values()), disk_free()
    if need > free:
        raise DownloadError(
            f"The model '{card.id}' needs {readable_size(need)} on the disk, and "
            f"{readable_size(free)} are free.",
            "Free some, move the cache by HF_HOME, or choose a smaller model.",
        )


def _fetch_blob(
    model_id: str, name: str, revision: str, home: Path, token: str | None, bar: Any
) -> None:
    """A large file among the cache's blobs, from where an earlier try broke off.

    huggingface_hub itself goes on within one call only: what it has is lost with the process.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # there, but not in its __all__

    url = hf_hub_url(model_id, name, revision=revision)
    facts = get_hf_file_metadata(url, token=token)
    if facts.etag is None:
        return
    blob = home / "blobs" / facts.etag
    part = blob.with_name(f"{facts.etag}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    elsewhere = facts.location.split("/")[2] != url.split("/")[2]
    headers = build_hf_headers(token=False if elsewhere else token)
    try:
        if not blob.exists():
            _stream(facts.location, headers, part, bar)
            part.replace(blob)
    except DownloadError:
        part.unlink(missing_ok=True)
        raise


def _stream(url: str, headers: Mapping[str, str], part: Path, bar: Callable[..., _Bar]) -> None:
    """Adds to the file what it lacks, also after breaks, until a few bring nothing new."""
    import httpx
    from huggingface_hub import get_session
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # there, but not in its __all__

    with part.open("ab") as opened:
        tries = TRIES
        while tries:
            counted = bar(initial=opened.seek(0, os.SEEK_END))
            if counted.done == counted.size:
                return
            asked = {**headers, "Range": f"bytes={counted.done}-"}
            try:
                with get_session().stream("GET", url, headers=asked, timeout=SECONDS) as response:
                    hf_raise_for_status(response)
                    if response.status_code != 206:  # it sends all of it, asked or not
                        counted.done = opened.truncate(0)
                    for chunk in response.iter_bytes(CHUNK):
                        counted.update(len(chunk))
                        opened.write(chunk)
                        tries = TRIES
                counted.finish()
                return
            except httpx.TransportError:
                tries -= 1
                if not tries:
                    raise
            time.sleep(PAUSE)
            check_cancelled()


class _Bar:
    """Stands in huggingface_hub's progress bar's place: tells, stops, and sees to the size."""

    def __init__(
        self, model_id: str, name: str, size: int, before: int, all_: int, **bar: Any
    ) -> None:
        self.file = f"'{name}' of the model '{model_id}'"
        self.size, self.before, self.all = size, before, all_
        self.done = int(bar.get("initial") or 0)
        self._check(bar.get("total"))

    def _check(self, size: int | None) -> None:
        if (size is not None and size != self.size) or self.done > self.size:
            raise DownloadError(
                f"The Hub said that {self.file} has {self.size:,} bytes, and sends "
                f"{max(size or 0, self.done):,}.",
                "Choose another model, or try again later.",
            )

    def update(self, count: float = 1) -> None:
        """So many bytes came."""
        self.done += int(count)
        self._check(None)
        check_cancelled()
        report("fetching", self.before + self.done, self.all, "bytes")

    def finish(self) -> None:
        """All that will come has come."""
        self._check(self.done)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process and one thread at a time fetches a model; the others then find it."""
    from filelock import FileLock, Timeout

    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "hugginggraph.lock", thread_local=False)
    while True:
        try:
            lock.acquire(timeout=0.2)
            break
        except Timeout:
            report("waiting", unit="a download")
            check_cancelled()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def named_errors(model_id: str) -> Iterator[None]:
    """The door: what the Hub and its library raise becomes a ``DownloadError``."""
    import httpx
    from huggingface_hub import errors

    try:
        yield
    except HuggingGraphError:
        raise
    except errors.GatedRepoError as exc:
        raise DownloadError(
            f"The model '{model_id}' is gated, and its terms were not accepted.",
            f"Accept them on the page of {model_id} and set HF_TOKEN, or choose another model.",
        ) from exc
    except errors.RepositoryNotFoundError as exc:
        raise DownloadError(
            f"The Hub has no model '{model_id}', or it is private.",
            "Check its id, or set HF_TOKEN.",
        ) from exc
    except (httpx.TransportError, errors.LocalEntryNotFoundError) as exc:
        hub_lost()
        raise DownloadError(
            f"The download of '{model_id}' broke off: the Hub cannot be reached.",
            "Ask again when there is a network: it goes on where it stopped.",
        ) from exc
    except (errors.HfHubHTTPError, OSError, ValueError) as exc:
        lines = str(exc).strip().splitlines() or [type(exc).__name__]
        raise DownloadError(
            f"The model '{model_id}' could not be fetched: {lines[0].rstrip('.'):.200}.",
            "Try again later, or choose another model.",
        ) from exc
