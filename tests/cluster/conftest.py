"""A Ray cluster of several nodes on this machine, on the loopback interface. Skips where ray is not installed.

cluster   one without processors of its own, shared by the tests of a process; ``nodes`` adds some for one test
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

# Ray takes the address of the machine for its own unless it believes that there can be no cluster.
ENVIRON = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}


@contextlib.contextmanager
def short_folder() -> Iterator[str]:
    """For RAY_TMPDIR: its name is short, since sockets lie in it."""
    folder = tempfile.mkdtemp(prefix="r")
    os.mkdir(f"{folder}/ray")  # which Ray takes for granted
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    os.environ |= ENVIRON
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("ray", reason="the extra `ray` is not installed")
        make_cluster = importlib.import_module("ray.cluster_utils").Cluster

    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with short_folder() as folder:
        os.environ["RAY_TMPDIR"] = folder
        head = {"num_cpus": 0, "include_dashboard": False, "node_ip_address": "127.0.0.1"}
        running = make_cluster(initialize_head=True, head_node_args=head)
        yield running
        running.shutdown()
        left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
        _, alive = psutil.wait_procs(left, 10)
        del os.environ["RAY_TMPDIR"]
    assert not alive


@pytest.fixture
def nodes(cluster: Any) -> Iterator[Callable[..., Any]]:
    """Adds a node with so many processors."""
    added: list[Any] = []

    def add(cpus: int) -> Any:
        added.append(cluster.add_node(num_cpus=cpus, node_ip_address="127.0.0.1"))
        return added[-1]

    yield add
    for node in added:
        if node in cluster.worker_nodes:
            cluster.remove_node(node)
