"""Where threads are kept: a SQLite file of the user's, or a PostgreSQL database named by a URL.

A finished run leaves its last state only: the steps on the way there matter while it can still be
killed and resumed, and would otherwise grow without end.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hugginggraph.registry import (
    MissingExtraError,
    RegistryError,
    Settings,
    SettingsError,
    store_error,
)

if TYPE_CHECKING:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

Saver: TypeAlias = "AsyncSqliteSaver | AsyncPostgresSaver"
SERVERS = re.compile(r"(?:local|[0-9a-f]{20})/")
"""How the keys of a server's threads begin, with their owner; a database may hold others, too."""


async def open_saver(settings: Settings, path: Path | None = None) -> Saver:
    """The checkpointer of ``database_url``, else of a file: ``path``, or the command line's own.

    Close its ``conn`` in the end.

    Raises:
        SettingsError: the database cannot be reached, or refuses.
        RegistryError: the file cannot be written, or is damaged.
        MissingExtraError: the extra ``postgres`` is not installed.
    """
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    return await (_postgres(url) if url else _sqlite(path or settings.data_dir / "threads.sqlite"))


async def _sqlite(path: Path) -> AsyncSqliteSaver:
    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    connection: aiosqlite.Connection | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = await aiosqlite.connect(path, timeout=30)
        # With the write-ahead log, which the saver switches on, a killed process loses nothing that
        # was written; only a power cut can, and then the last moments only.
        await connection.execute("PRAGMA synchronous=NORMAL")
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
    except OSError as exc:
        raise RegistryError(
            f"The folder of threads, {path.parent}, cannot be used: {exc.strerror or exc}.",
            "Give another one in HUGGINGGRAPH_DATA_DIR.",
        ) from exc
    except sqlite3.Error as exc:
        if connection is not None:
            await connection.close()
        if "locked" in str(exc):
            raise RegistryError(
                f"The file of threads, {path}, is held by another process.",
                "Try again when it is done.",
            ) from exc
        remedy = "Move it away; a new one is made, without the threads of the old."
        raise store_error(f"The file of threads, {path},", str(exc), remedy) from exc
    return saver


async def _postgres(url: str) -> AsyncPostgresSaver:
    scheme, named, _ = url.partition("://")
    if named and scheme.lower() not in ("postgresql", "postgres"):
        raise SettingsError(
            f"HUGGINGGRAPH_DATABASE_URL names a database of the kind '{scheme:.40}'; only "
            "PostgreSQL is understood.",
            "Give postgresql://user:password@host:port/name, or unset it to keep threads in a "
            "SQLite file.",
        )
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from psycopg import AsyncConnection, Error
        from psycopg.rows import dict_row
    except ImportError as exc:
        raise MissingExtraError(
            "A PostgreSQL database needs the extra 'postgres'.",
            '`pip install "hugginggraph[postgres]"`, or unset HUGGINGGRAPH_DATABASE_URL.',
        ) from exc
    try:
        connection = await AsyncConnection.connect(
            url, autocommit=True, prepare_threshold=0, row_factory=dict_row, connect_timeout=10
        )
    except Error as exc:  # it may hold the password, so it is not shown
        raise SettingsError(
            "The database of HUGGINGGRAPH_DATABASE_URL cannot be reached.",
            "Check the URL (postgresql://user:password@host:port/name) and the server.",
        ) from exc
    saver = AsyncPostgresSaver(connection)
    try:
        await saver.setup()
    except Error as exc:
        await connection.close()
        why = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
        raise SettingsError(
            f"The database of HUGGINGGRAPH_DATABASE_URL refuses: {why.rstrip('.')}.",
            "Its user must be allowed to make tables there.",
        ) from exc
    return saver


async def thread_names(saver: Saver, limit: int) -> list[str]:
    """The names of the threads that were last worked on, the latest first."""
    asked = (
        "SELECT thread_id FROM checkpoints GROUP BY thread_id "
        f"ORDER BY MAX(checkpoint_id) DESC LIMIT {int(limit)}"
    )
    return await _names(saver, asked)


async def threads_before(saver: Saver, before: float) -> list[str]:
    """The names of the threads whose last step is older than ``before``, seconds since 1970.

    Steps are named by their time, as the version 6 of UUIDs has it.
    """
    ticks = int(before * 10**7) + 0x01B21DD213814000  # of 100 ns, from 1582 on
    first = f"{ticks >> 28:08x}-{ticks >> 12 & 0xFFFF:04x}-6{ticks & 0xFFF:03x}"
    asked = (
        "SELECT thread_id FROM checkpoints GROUP BY thread_id "
        f"HAVING MAX(checkpoint_id) < '{first}'"
    )
    return await _names(saver, asked)


async def keep_latest(saver: Saver, thread: str) -> None:
    """Remove a finished thread's steps, all but the last."""
    if type(saver).__name__ != "AsyncSqliteSaver":
        await saver.aprune([thread])
        return
    connection: Any = saver.conn
    for table in ("writes", "checkpoints"):
        await connection.execute(
            f"DELETE FROM {table} WHERE thread_id = ?1 AND checkpoint_id < (SELECT MAX("
            "checkpoint_id) FROM checkpoints AS c WHERE c.thread_id = ?1 AND "
            f"c.checkpoint_ns = {table}.checkpoint_ns)",
            (thread,),
        )
    await connection.commit()


async def _names(saver: Saver, asked: str) -> list[str]:
    connection: Any = saver.conn
    rows = await (await connection.execute(asked)).fetchall()
    return [row["thread_id"] if isinstance(row, dict) else row[0] for row in rows]
