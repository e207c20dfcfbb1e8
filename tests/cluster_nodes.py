"""A Ray cluster on this machine, for tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hugginggraph.registry import Settings
from hugginggraph.tools.cluster import join

TESTS = Path(__file__).parent

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
quiet_ray = [
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # what Ray leaves open
]


@contextmanager
def started(memory: float, **more: Any) -> Iterator[tuple[Any, Settings]]:
    """A cluster of one node with so much memory, this process in it, and its settings."""
    import ray
    from ray.cluster_utils import Cluster as LocalCluster

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Else Ray ends actors where anything else on the machine fills its memory.
        patched.setenv("RAY_memory_monitor_refresh_ms", "0")
        patched.setenv("PYTHONPATH", ":".join(filter(None, [str(TESTS), *sys.path])))
        head = {
            "num_cpus": 1, "memory": int(memory), "object_store_memory": 80_000_000,
            "include_dashboard": False,
        }  # fmt: skip
        cluster = LocalCluster(initialize_head=True, head_node_args=head)
        try:
            settings = Settings(
                offline=True, device="cpu", executor="ray", ray_address=cluster.address, **more
            )
            join(settings)
            yield cluster, settings
        finally:
            ray.shutdown()
            cluster.shutdown()
