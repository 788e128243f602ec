"""The small cluster of the scenario words, and scenarios that are played over it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.reconcile.entries import Entry
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.scenario_file import read_scenario
from kubelogic.verbs.simulate import Simulation, SimulationOptions, simulate

SHOP = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "words"
START = 1_793_577_600_000


@lru_cache(maxsize=1)
def shop() -> Cluster:
    return Cluster.of(load([str(SHOP / "shop.yaml")]).objects)


def steps(text: str, tmp_path: Path, horizon: str = "10m") -> str:
    for each in SHOP.glob("*.yaml"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    path = tmp_path / "s.scenario"
    path.write_text(f"horizon: {horizon}\nsteps:\n{text}\n", encoding="utf-8")
    return str(path)


def play(text: str, tmp_path: Path, horizon: str = "10m", **how: Any) -> Simulation:
    scenario = read_scenario(steps(text, tmp_path, horizon), cluster=shop())
    return simulate(shop(), scenario, SimulationOptions(options=Options(scheduler="kube"), **how))


def entries(done: Simulation, action: str, /, **arguments: Any) -> list[Entry]:
    return [
        each
        for each in done.run.timeline
        if each.type == action and all(each.arguments.get(name) == value for name, value in arguments.items())
    ]


def pod(done: Simulation, key: str) -> Mapping[str, Any]:
    found = done.run.state.cluster.get("Pod", key)
    assert found is not None
    return found.document


def moments(text: str, tmp_path: Path, **more: Any) -> list[tuple[int, str]]:
    scenario = read_scenario(steps(text, tmp_path), cluster=shop(), **more)
    return [(event.at // 1000, event.operation.type) for event in scenario.events]
