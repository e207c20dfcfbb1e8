"""A run on a cluster goes on when one of its nodes is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_nodes import needs_ray, quiet_ray, started

from hugginggraph.graph import build_graph
from hugginggraph.registry import Settings

SCENE = Path(__file__).parents[1] / "examples" / "scene.png"
GB = 1_000_000_000

pytestmark = quiet_ray


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[Any, Settings]]:
    with started(4 * GB) as found:
        yield found


@needs_ray
@pytest.mark.slow
def test_a_run_that_loses_a_node_in_the_middle_gives_the_same_answer(
    settings: Settings, nodes: tuple[Any, Settings]
) -> None:
    cluster, there = nodes
    asked: Any = {
        "request": "Describe what is in scene.png and count the objects in it.",
        "files": [str(SCENE)],
    }
    alone = build_graph(settings=settings).invoke(asked)
    seen = list[tuple[int, str]]()
    second = cluster.add_node(num_cpus=1, memory=4 * GB, object_store_memory=80_000_000)
    more = {"executor": "ray", "ray_address": there.ray_address}
    graph = build_graph(settings=settings.model_copy(update=more))
    state: dict[str, Any] = {}
    chunks: Any = graph.stream(asked, stream_mode=["custom", "values"])
    for mode, chunk in chunks:
        if mode == "values":
            state = chunk
        elif "task" in chunk:
            seen.append((chunk["task"], chunk["state"]))
            if second and {(0, "loading"), (1, "loading")} <= set(seen):
                cluster.remove_node(second, allow_graceful=False)
                second = None
    assert second is None  # it was removed while both models were loading
    assert state["answer"] == alone["answer"]
    assert [len(result["attempts"]) for result in state["results"].values()] == [1, 1]
    for number in (0, 1):
        states = [told for task, told in seen if task == number]
        assert states[0] == "running" and states[-1] == "done"
    assert any(
        [told for task, told in seen if task == number].count("loading") == 2 for number in (0, 1)
    )
