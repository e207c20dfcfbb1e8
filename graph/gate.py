"""Who runs next: a gate of a width, and the task with the longest path behind it first."""

from __future__ import annotations

import asyncio
import heapq

from .state import Task


class Gate:
    """Lets ``width`` tasks in at a time, the one with the longest path behind it first."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    @property
    def full(self) -> bool:
        """Whether the next to come has to wait."""
        return self._free <= 0

    async def enter(self, rank: int) -> None:
        """Wait for a place."""
        if self._free > 0:
            self._free -= 1
            return
        self._count += 1
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-rank, self._count, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place to the next."""
        while self._waiting:
            place = heapq.heappop(self._waiting)[2]
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


def path_lengths(tasks: list[Task]) -> dict[int, int]:
    """For each task the number of tasks on the longest path that starts with it."""
    after: dict[int, int] = {}
    lengths: dict[int, int] = {}
    for task in reversed(tasks):
        lengths[task["id"]] = 1 + after.get(task["id"], 0)
        for waited_for in task["dep"]:
            after[waited_for] = max(after.get(waited_for, 0), lengths[task["id"]])
    return lengths
