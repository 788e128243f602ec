"""Random scenarios over the cluster of the examples: each ends in time, with an answer and without a traceback."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.report.simulation import render_simulation, simulation_document
from kubelogic.text.location import InputError
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.scenario_file import read_scenario
from kubelogic.verbs.scenario_words import WORDS
from kubelogic.verbs.simulate import SimulationOptions, simulate

SHOP = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "words"
EXAMPLES = [line for word in WORDS.values() for line in word.example.splitlines()]
SEED = 20_261_102
COUNT = 1000
BLOCK = 25
LONGEST = 20.0
"""Seconds of processor time that one scenario may take."""


def steps(draw: random.Random) -> str:
    """Some lines of the examples at other times, with or without a horizon."""
    chosen = [draw.choice(EXAMPLES) for _ in range(draw.randint(1, 8))]
    moved = [line.replace("at: 1m", f"at: {draw.choice((0, 1, 59, 60, 300, 301, 3600))}s") for line in chosen]
    horizon = draw.choice(("horizon: 10m\n", "horizon: 2h\n", ""))
    return f"{horizon}steps:\n" + "\n".join(moved) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(COUNT // BLOCK))
def test_random_scenarios_end_in_time(block: int, tmp_path: Path) -> None:
    for number in range(BLOCK * block, BLOCK * (block + 1)):
        play(number, tmp_path)


def play(number: int, tmp_path: Path) -> None:
    """One scenario: it ends in time, or its faults have lines."""
    draw = random.Random(SEED + number)
    for each in SHOP.glob("*.yaml"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    cluster = Cluster.of(load([str(SHOP / "shop.yaml")]).objects)
    path = tmp_path / "s.scenario"
    path.write_text(steps(draw), encoding="utf-8")
    began = time.process_time()
    try:
        scenario = read_scenario(str(path), cluster=cluster)
    except InputError as error:
        found = error.faults
    else:
        found = ()
    if found:
        assert all(fault.location.line for fault in found)
        return
    done = simulate(cluster, scenario, SimulationOptions(options=Options(scheduler="kube")))
    assert time.process_time() - began < LONGEST, path.read_text(encoding="utf-8")
    assert render_simulation(done)
    assert simulation_document(done)["kind"] == "Simulation"
