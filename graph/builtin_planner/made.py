"""Which task made a picture of an earlier turn, going by what was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath

from hugginggraph.registry import TaskType

from ..planner import PlanRequest
from .cues import cues, match_cues
from .rows import FAMILIES, trait

_MOST_READ = 2000


def views(request: PlanRequest, rows: Mapping[str, TaskType]) -> frozenset[str]:
    """The pictures that only show something about another one: a depth map, its edges.

    Which task made a file says the request after which an answer first names it.
    """
    made: dict[str, bool] = {}
    names = {
        rid: PurePath(resource["path"]).name
        for rid, resource in request.resources.items()
        if "task" in resource and resource["kind"] == "image"
    }
    tasks: list[str] = []
    for asked, answer in _turns(request) if names else ():
        tasks = _pictures_asked(asked[:_MOST_READ], rows) or tasks
        for rid, name in names.items():
            if rid not in made and name in answer:
                made[rid] = bool(tasks) and not any(trait(task).renews for task in tasks)
    return frozenset(rid for rid, view in made.items() if view)


def _turns(request: PlanRequest) -> Iterator[tuple[str, str]]:
    """Each request with the answer to it."""
    asked = ""
    for role, text in request.history:
        if role in ("human", "user"):
            asked = text
        else:
            yield asked, text


def _pictures_asked(text: str, rows: Mapping[str, TaskType]) -> list[str]:
    """The tasks with a picture as their result that a request asks for."""
    matches = [match.task for match in match_cues(text, cues())]
    tasks = [FAMILIES[task].get("image", task) if task in FAMILIES else task for task in matches]
    return [task for task in tasks if task in rows and rows[task].output == "image"]
