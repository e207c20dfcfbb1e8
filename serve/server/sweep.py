"""Removes what nobody has used for long: uploads, what runs made, notes of fetches, threads.

A file was last used at the time of its owner's folder for it (``OWNER/DIGITS``), which is noted up
to an hour late, or more during a run, so that it goes somewhat after its days are over. What a run
made has two names, one of an owner and one in ``made``; the second goes after the first. The page
of an owner who signs in has folders of its own for both. Whatever goes gets another name first: it
is there or it is not, however a sweep ends. Not covered: a clock that is set far forward counts as
time that has passed.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from hugginggraph.registry import Settings

from .files import HOUR, Files

log = logging.getLogger("hugginggraph.server")

Expire = Callable[[float, threading.Event], int]
"""Removes the threads last used before a time, until the event is set; says how many went."""
EVERY = 1800.0
"""Seconds from one sweep to the next; a run in progress notes its files as often."""
DAY = 24 * HOUR
_DIGITS = re.compile(r"[0-9a-f]{32}")
_UPLOAD = re.compile(r"[0-9a-f]{64}")
"""The folder of a file that Gradio took in."""
_GONE = ".gone"


class Sweeper:
    """A thread that sweeps now and then; among all that share a data folder, one does."""

    def __init__(self, settings: Settings, files: Files, expire: Expire) -> None:
        self._files = files
        self._expire = expire
        self._artifacts = settings.artifacts_dir
        self._seconds = (settings.server_keep_days or float("inf")) * DAY + HOUR + EVERY
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sweeper", daemon=True)

    def start(self) -> None:
        """Sweep now, and from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop at the next file."""
        self._stop.set()
        self._thread.join(5)

    def _work(self) -> None:
        server = self._files.folder.parent
        lock = FileLock(server / "sweep.lock", blocking=False)
        try:
            while not self._stop.is_set():
                for note in tuple(self._files.at_work):
                    with suppress(OSError):  # a full disk is no reason to remove nothing
                        note()
                try:
                    if not lock.is_locked:  # it is held to the end, so that few sweep in vain
                        lock.acquire()
                    before = time.time() - self._seconds
                    Sweep(before, self._stop).sweep(server, self._artifacts)
                    if gone := self._expire(before, self._stop):
                        log.warning("threads removed that nobody had used for long: %s", gone)
                except Timeout:
                    pass
                except Exception as exc:  # or nothing would be removed from now on
                    log.error("not all that is old was removed", exc_info=exc)
                self._stop.wait(EVERY)
        finally:
            lock.release()


class Sweep:
    """One look at all files: those last used before ``before`` (seconds since 1970) go."""

    def __init__(self, before: float, stop: threading.Event | None = None) -> None:
        self._before = before
        self._stop = stop or threading.Event()
        self.files = self.bytes = self.stuck = 0
        """What is gone from the disk, and what could not be removed."""

    def sweep(self, server: Path, artifacts: Path) -> None:
        """Sweep the server's folder, and say in the log what went.

        What it does not know in an owner's folder stays; so do ``artifacts``, which are a person's,
        if the folder of what the server's runs made leads there.
        """
        kept: set[str] = set()
        for owner in self._entries(server / "files", folders=True):
            own = {folder.name for folder in self._entries(owner, folders=True)
                   if _DIGITS.fullmatch(folder.name.removesuffix(_GONE))
                   and not self._went(folder)}  # fmt: skip
            for note in self._entries(owner / "fetched"):
                if _read(note) not in own:
                    self._went(note)
            for upload in self._entries(server.parent / "page" / owner.name, folders=True):
                if _UPLOAD.fullmatch(upload.name.removesuffix(_GONE)):
                    self._went(upload)
            for file in self._entries(owner / "made"):
                self._went(file)
            kept |= own
        made = server / "made"
        if made.resolve() != artifacts.resolve():
            for file in self._entries(made):
                if file.name[:32] not in kept:
                    self._went(file)
        if self.files or self.stuck:  # a warning, as the server's log begins there
            log.warning(
                "files removed that nobody had used for long: %s (%s bytes)%s",
                f"{self.files:,}", f"{self.bytes:,}",
                f"; {self.stuck:,} could not be removed" if self.stuck else "",
            )  # fmt: skip

    def _entries(self, folder: Path, *, folders: bool = False) -> Iterator[Path]:
        """The files in a folder, or its folders; no symbolic links, and none once it is to stop."""
        try:
            with os.scandir(folder) as found:
                entries = [Path(entry.path) for entry in found if (
                    entry.is_dir(follow_symlinks=False) if folders
                    else entry.is_file(follow_symlinks=False)
                )]  # fmt: skip
        except FileNotFoundError:
            return
        except OSError:
            self.stuck += 1
            return
        for entry in entries:
            if not self._stop.is_set():
                yield entry

    def _went(self, path: Path) -> bool:
        """Whether a file or a folder is gone, now or since a sweep that broke off."""
        try:
            if path.name.endswith(_GONE):
                gone = path
            elif _last_used(path) >= self._before or _is_an_owners(path):
                return False
            else:
                gone = path.rename(path.with_name(path.name + _GONE))
                if _last_used(gone) >= self._before:  # somebody came in between
                    gone.rename(path)
                    return False
            self._remove(gone)
        except FileNotFoundError:  # another one removed it
            return True
        except OSError:
            self.stuck += 1
            return False
        return True

    def _remove(self, gone: Path) -> None:
        inside = list(gone.iterdir()) if gone.is_dir() else [gone]
        about = [path.lstat() for path in inside]
        if gone.is_dir():
            shutil.rmtree(gone)
        else:
            gone.unlink()
        last = [each.st_size for each in about if _is_file(each) and each.st_nlink == 1]
        self.files += len(last)
        self.bytes += sum(last)


def _last_used(path: Path) -> float:
    """The time of a file, of a folder, or of a file in it that is still being written."""
    inside: Iterable[Path] = path.iterdir() if path.is_dir() else ()
    return max(each.lstat().st_mtime for each in (path, *inside))


def _is_an_owners(path: Path) -> bool:
    """Whether a file has another name, as in the folder of an owner that cannot be read."""
    about = path.lstat()
    return _is_file(about) and about.st_nlink > 1


def _is_file(about: os.stat_result) -> bool:
    return stat.S_ISREG(about.st_mode)


def _read(note: Path) -> str:
    try:
        return note.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
