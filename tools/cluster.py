"""Models on a Ray cluster: each one an actor with its memory and its share of a GPU declared.

Ray places the actors, moves what goes in and out, and notices when a node goes. What is left to do
stands here: saying what a model needs, which one leaves for it, and asking again after a loss. The
actor (``cluster_model.py``) works with a pool of its own, so that loading, batches and stopping
are those of one process.

Not covered: a model on several nodes, and nodes that an autoscaler would add for a larger model.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hugginggraph.registry import (
    HuggingGraphError,
    MissingExtraError,
    ModelCard,
    ModelRunError,
    OutOfMemoryError,
    Settings,
    SettingsError,
    TaskType,
    folder_of,
    hub_token,
    readable_size,
)

from .calls import held
from .cancel import LOOKS, check_cancelled
from .cluster_model import ModelActor, packed
from .memory import needed
from .progress import report
from .runner import Checkpoint, Output

PATIENCE = 3.0
"""Seconds that Ray has to place a model before another one leaves for it."""
PROCESS_BYTES = 600_000_000
"""What an actor takes beside its model: Python, torch and the libraries of models."""
TRIES = 3
"""How often a call is made where its node or process is lost."""
AT_ONCE = 1000
"""Calls that an actor takes at once; its pool makes batches of them."""
JOIN_SECONDS = 5.0
"""Seconds that the cluster has to answer when it is joined."""

_connecting = threading.Lock()


@dataclass(eq=False)
class _Model:
    """A model's place in the cluster; the lock is held while it is sought."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    actor: Any = None
    group: Any = None


class Cluster:
    """Runs tasks on a Ray cluster as `ModelPool` does in this process; safe to share.

    The cluster is joined, or a local one started, when the first task comes. The least recently
    used models leave for others.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models: OrderedDict[tuple[str, str], _Model] = OrderedDict()
        self._changed = threading.Lock()
        self._gpu_bytes = 0
        weakref.finalize(self, _end_all, self._models).atexit = False

    def run(self, task: TaskType, card: ModelCard, args: Mapping[str, Any]) -> Output:
        """Runs the task on the card's model, wherever in the cluster there is room for it.

        Args:
            task: the row of the table.
            card: the model; what only this machine has of it is sent along.
            args: by slot name, in memory (``runner.py``).

        Raises:
            MissingExtraError: Ray is not installed.
            SettingsError: the cluster cannot be reached.
            OutOfMemoryError: no node is large enough.
            ModelRunError: the process that ran it was lost each time.
            HuggingGraphError: whatever `ModelPool.run` raises.
        """
        ray = join(self._settings)
        sent = pickle.dumps((task, card, packed(args)))
        lost: Exception | None = None
        for _ in range(TRIES):
            with self._model(card) as model:
                actor = None
                try:
                    with held(model.lock, "the model"):
                        if model.actor is None:
                            self._place(model, card)
                        actor = model.actor
                    return _answer(actor, sent)
                except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError) as exc:
                    lost = exc
                    with held(model.lock, "the model"):
                        if model.actor is actor:  # else another call has replaced it
                            _end(model)
        raise ModelRunError(
            f"The process of the cluster that ran '{card.id}' was lost {TRIES} times.",
            "Look at the memory of its nodes and at Ray's logs, or choose a smaller model.",
        ) from lost

    @contextmanager
    def _model(self, card: ModelCard) -> Iterator[_Model]:
        """The card's model, which cannot leave inside the block."""
        key = (card.id, str(card.path or ""))
        with self._changed:
            model = self._models.setdefault(key, _Model())
            self._models.move_to_end(key)
            model.users += 1
        try:
            yield model
        finally:
            with self._changed:
                model.users -= 1
                if model.actor is None and not model.users and self._models.get(key) is model:
                    del self._models[key]

    def _place(self, model: _Model, card: ModelCard) -> None:
        """Starts the model's actor as soon as a node has room for it."""
        import ray
        from ray.util import placement_group, remove_placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        folder = folder_of(card)
        needs, device = self._needs(card, folder)
        group = placement_group([needs], strategy="SPREAD")
        try:
            patience, leaves = time.monotonic() + PATIENCE, ""
            while not group.wait(0):  # it takes whole seconds only
                time.sleep(LOOKS / 2)
                check_cancelled()
                report("waiting", unit="the cluster")
                if leaves and _holds_room(leaves):
                    patience = time.monotonic() + PATIENCE  # for the room that it gives back
                elif time.monotonic() > patience and (leaves := self._leave()):
                    patience = time.monotonic() + PATIENCE
            place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=0)
            actor = ray.remote(ModelActor).options(
                num_cpus=0, num_gpus=needs.get("GPU", 0), memory=needs["memory"],
                max_concurrency=AT_ONCE, scheduling_strategy=place,
            ).remote(
                max_memory=self._settings.max_memory, offline=self._settings.offline,
                device=device, token=hub_token(self._settings) or None,
                trusted=self._settings.trusted_models,
            )  # fmt: skip
            sole = folder is not None and (card.path is not None or self._settings.offline)
            if sole and _get(actor.lacks.remote(str(folder))):
                _send(Path(str(folder)), actor)
            if "GPU" in needs:
                size = _get(actor.gpu_bytes.remote())
                self._gpu_bytes = min(self._gpu_bytes or size, size)
        except BaseException:
            remove_placement_group(group)  # its actor goes with it
            raise
        model.actor, model.group = actor, group

    def _needs(self, card: ModelCard, folder: Path | None) -> tuple[dict[str, float], str]:
        """What a model takes, in Ray's words, and the device that its actor is to take.

        Raises:
            OutOfMemoryError: no node has as much.
        """
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus, device = any("GPU" in node for node in nodes), self._settings.device
        gpu = device.startswith("cuda") or (device == "auto" and gpus)
        device = "cpu" if gpus and not gpu else device.partition(":")[0]
        size = needed(Checkpoint(card, str(folder or ""), "cuda" if gpu else device))
        needs: dict[str, float] = {"memory": size + PROCESS_BYTES}
        if gpu:  # the first model of all has a card of its own, and tells how large that is
            share = size / self._gpu_bytes if self._gpu_bytes else 1.0
            needs["GPU"] = min(1.0, max(0.01, round(share, 2)))
        if not any(all(node.get(name, 0) >= n for name, n in needs.items()) for node in nodes):
            most = max((node.get("memory", 0) for node in nodes), default=0)
            beside = " and a GPU" if gpu else ""
            raise OutOfMemoryError(
                f"The model '{card.id}' needs {readable_size(int(needs['memory']))} of memory"
                f"{beside} in the cluster, and its largest node has {readable_size(int(most))}.",
                "Choose a smaller model, or add a larger node.",
            )
        return needs, device

    def _leave(self) -> str:
        """The least recently used idle model leaves: what its room is called, "" without one."""
        with self._changed:
            for key, model in self._models.items():
                if model.actor is not None and not model.users:
                    del self._models[key]
                    name = str(model.group.id.hex())
                    _end(model)
                    return name
        return ""


def _holds_room(name: str) -> bool:
    """Whether a group that was removed has not given back all of its room yet."""
    import ray

    return any(name in resource for resource in ray.available_resources())


def join(settings: Settings) -> Any:
    """The module ``ray``, with this process in the cluster; a local one where none is named.

    Raises:
        MissingExtraError: it is not installed.
        SettingsError: the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers
    try:
        import ray
    except ImportError as exc:
        raise MissingExtraError(
            "The executor 'ray' needs the extra 'ray'.",
            '`pip install "hugginggraph[ray]"`, or unset HUGGINGGRAPH_EXECUTOR.',
        ) from exc
    address = settings.ray_address or os.environ.get("RAY_ADDRESS") or "local"
    own = {"include_dashboard": False} if address == "local" else {}
    with _connecting:
        if ray.is_initialized():
            return ray
        try:
            if ":" in address:  # Ray would wait for minutes for a cluster that is not there
                host, _, port = address.rpartition(":")
                socket.create_connection((host.strip("[]"), int(port)), JOIN_SECONDS).close()
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)
        except (OSError, ValueError, RuntimeError) as exc:
            raise SettingsError(
                f"The Ray cluster '{address}' cannot be joined: {str(exc).strip():.200}.",
                "Set HUGGINGGRAPH_RAY_ADDRESS to the address that `ray start` printed (host:port).",
            ) from exc
    return ray


def _get(reference: Any) -> Any:
    """What a call gives, waited for as long as the run is not stopped."""
    import ray

    while not ray.wait([reference], timeout=LOOKS)[0]:
        check_cancelled()
    return ray.get(reference)


def _answer(actor: Any, sent: bytes) -> Output:
    """What the actor gives; what it tells meanwhile is told here, and a stop is passed on."""
    import ray

    stream = actor.run.remote(sent)
    try:
        while True:
            told = ray.get(next(stream)) if ray.wait([stream], timeout=LOOKS)[0] else None
            check_cancelled()
            if isinstance(told, Output):
                return told
            if told:
                report(**told)
    except ray.exceptions.RayTaskError as exc:
        raise exc.cause from exc
    except HuggingGraphError:
        ray.cancel(stream)
        raise


def _send(folder: Path, actor: Any) -> None:
    """Gives the actor the files of a model that its node lacks, through Ray's object store."""
    import ray

    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = ray.put(file.read_bytes())
        _get(actor.receive.remote(str(file.relative_to(folder)), data))


def _end_all(models: dict[tuple[str, str], _Model]) -> None:
    for model in models.values():
        _end(model)


def _end(model: _Model) -> None:
    """Ends the model's actor and gives its room back; the next call starts another."""
    import ray
    from ray.util import remove_placement_group

    actor, group, model.actor, model.group = model.actor, model.group, None, None
    with suppress(Exception):  # it may be gone already, and with it what would be given back
        if actor is not None and ray.is_initialized():  # else Ray would start a cluster for it
            ray.kill(actor)
            remove_placement_group(group)
