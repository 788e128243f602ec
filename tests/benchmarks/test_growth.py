"""Costs as the work grows: plans of ten pods a node on 250 to 10,000 nodes, the whole process each time.

With ``--update-golden`` the plot in the documentation is drawn anew.
"""

from __future__ import annotations

import os
import sys
from math import log2
from pathlib import Path

import pytest

from tests.support.fleets import as_json, pending
from tests.support.plots import log_log
from tests.support.problems import Recipe

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]
NODES = (250, 500, 1_000, 2_500, 5_000, 10_000)
_ROOM = ("--set", "cluster_cidr=10.0.0.0/8", "--timeout", "300")
"""Addresses for all pods, and time for a machine that is busy."""
NOISE = 1.6
"""A machine that does something else at the wrong moment takes so much longer."""


def measured(path: Path) -> tuple[float, float]:
    """Processor seconds and MiB at most of one plan, start-up included."""
    command = [sys.executable, "-m", "kubelogic", "plan", str(path), "-o", "json", *_ROOM]
    child = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, used = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def test_costs_grow_at_most_as_n_log_n(tmp_path: Path, update_golden: bool) -> None:
    rows = []
    for nodes in NODES:
        path = tmp_path / f"{nodes}.json"
        recipe = Recipe(nodes=nodes, classes=min(60, nodes // 10), pods=10 * nodes, shapes=50, fill=0.8)
        path.write_bytes(as_json(pending(recipe, workloads="Pod")))
        rows.append((nodes, *measured(path)))
        print(f"\n{nodes:>7,} nodes, {10 * nodes:>7,} pods: {rows[-1][1]:6.1f} s, {rows[-1][2]:7,.0f} MiB", end="")
    if update_golden:
        lines = {
            "seconds": [(nodes, seconds) for nodes, seconds, _ in rows],
            "100 MiB": [(nodes, memory / 100) for nodes, _, memory in rows],
        }
        plot = log_log(lines, x="nodes, with ten pods each", y="processor seconds; memory")
        (ROOT / "docs" / "reference" / "growth.svg").write_text(plot, encoding="utf-8")
    (first, start, _), rest = rows[0], rows[1:]
    for nodes, seconds, _ in rest:
        assert seconds < NOISE * start * (nodes * log2(nodes)) / (first * log2(first))
