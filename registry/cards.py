"""Model cards: what the registry knows of one model, and where cards come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .errors import RegistryError


class ModelCard(BaseModel):
    """One model's record.

    ``parameters`` is a count, ``size_bytes`` the weights on disk. ``library`` is what loads it and
    picks the runner of the task's row. ``path`` is set where the checkpoint is already in a folder
    of this machine (the starter pack, a packaged model). ``translates`` is (source, target).
    ``base_only`` marks a checkpoint that is only pretrained. ``world`` says, for a model that
    knows only a small world, what that is. ``providers`` are the inference providers that serve it
    (``"fal-ai"``); empty where that is not known. ``base_model`` is the id, or the folder, of the
    model that this one was made from, or works inside (a ControlNet, a motion module).
    ``revision`` and ``changed`` are the commit and the day (ISO) that the card was read from;
    ``metrics`` are as the author reports them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    task: str
    library: str
    description: str
    license: str | None = None
    languages: tuple[str, ...] = ()
    parameters: int | None = None
    size_bytes: int | None = None
    gated: bool = False
    downloads: int | None = None
    likes: int | None = None
    tags: tuple[str, ...] = ()
    translates: tuple[str, str] | None = None
    base_only: bool = False
    world: str = ""
    providers: tuple[str, ...] = ()
    base_model: str | None = None
    datasets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    revision: str = ""
    changed: str = ""
    source: str = "catalogue"
    path: Path | None = None

    @property
    def document(self) -> str:
        """The text that is embedded for search by meaning."""
        name = self.id.rpartition("/")[2]
        what = ", ".join((self.task.replace("-", " "), *self.tags))
        many = "multilingual" in self.languages
        spoken = ("multilingual",) if many else self.languages
        return f"{name}: {what}. {self.description} {', '.join(spoken)}".strip()


def model_cards() -> list[ModelCard]:
    """The cards of every installed source (entry point ``hugginggraph.model_cards``).

    A source is a function that returns cards. Where two sources know the same id, the later in
    alphabetical order of source names wins.

    Raises:
        RegistryError: a source cannot be loaded.
    """
    cards: dict[str, ModelCard] = {}
    for entry in sorted(entry_points(group="hugginggraph.model_cards"), key=lambda e: e.name):
        try:
            source: Callable[[], Iterable[ModelCard]] = entry.load()
            cards.update((card.id, card) for card in source())
        except Exception as exc:  # a package's own code may raise anything
            raise RegistryError(
                f"The model cards of '{entry.name}' ({entry.value}) could not be read: {exc!r}.",
                "Mend or uninstall the package that brings them.",
            ) from exc
    return list(cards.values())
