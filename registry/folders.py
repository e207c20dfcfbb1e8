"""Which models lie in folders of this machine that its owner named, by the ids of their cards.

It stands in ``folders.json`` in the store's folder, and goes to no server that shares the cards.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from .errors import RegistryError

FILE = "folders.json"
_FOLDERS = TypeAdapter(dict[str, Path])


def folders_of(folder: Path) -> dict[str, Path]:
    """The folders by model id that a store's folder tells; empty where none was ever named.

    Raises:
        RegistryError: the file is damaged or cannot be read.
    """
    path = folder / FILE
    try:
        return _FOLDERS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as exc:
        raise RegistryError(
            f"The list of your own models' folders, {path}, is damaged.",
            "Delete it and import them again: `hugginggraph models sync --from FILE`.",
        ) from exc
    except OSError as exc:
        raise RegistryError(f"{path} cannot be read: {exc.strerror or exc}.") from exc


def keep_folders(folder: Path, folders: Mapping[str, Path]) -> None:
    """Write them, all at once or not at all."""
    draft = folder / f"{FILE}.{os.getpid()}.tmp"
    draft.write_bytes(_FOLDERS.dump_json(dict(sorted(folders.items())), indent=1))
    draft.replace(folder / FILE)
