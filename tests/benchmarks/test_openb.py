"""The openb trace: 1,523 nodes with 6,212 GPUs, 8,152 tasks, placed jointly and one by one. Needs ``--corpus DIR``."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.placement.check import check
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.problem import GOALS, problem
from kubelogic.reconcile.relations import Relations
from tests.support import openb
from tests.support.fleets import as_json


def posed(corpus: Path, pods: str, where: Path) -> Problem:
    """The placement problem of a pod list on all nodes, read from JSON."""
    folder = corpus / "openb"
    file = where / "openb.json"
    documents = [
        *openb.nodes(folder / "openb_node_list_all_node.csv"),
        *openb.pods(folder / f"openb_pod_list_{pods}.csv"),
    ]
    file.write_bytes(as_json(documents))
    return problem(Relations.of(load_rulebook(), State.of(Cluster.of(load([file]).objects)), GOALS))


def gpus(given: Problem, placement: Placement) -> tuple[float, float]:
    """GPUs that the placed pods have, and that all pods ask for."""
    requests = {shape.name: shape.requests.get(openb.GPU, 0) for shape in given.shapes}
    asked = {pod.name: requests[pod.shape] for pod in given.pods}
    return sum(asked[binding.pod] for binding in placement.bindings) / 1000, sum(asked.values()) / 1000


@pytest.mark.benchmark
@pytest.mark.parametrize("pods", ["default", "cpu250", "gpuspec10", "multigpu50"])
def test_the_trace_is_placed_at_least_as_well_as_one_by_one(corpus: Path, pods: str, tmp_path: Path) -> None:
    given = posed(corpus, pods, tmp_path)
    start = time.process_time()
    joint = solve(given, limits=Limits(timeout=60.0), clock=time.monotonic)
    middle = time.process_time()
    single = schedule(given)
    end = time.process_time()
    assert not check(given, joint)
    assert not check(given, single)
    total = sum(node.allocatable.get(openb.GPU, 0) for node in given.nodes) / 1000
    most = joint.bounds[-1].most if joint.bounds else len(given.pods)
    (have, asked), (theirs, _) = gpus(given, joint), gpus(given, single)
    print(
        f"\nopenb {pods}: {len(given.pods)} pods of {len(given.shapes)} shapes, {asked:.0f} of {total:.0f} GPUs asked"
        f"\n  optimal {len(joint.bindings)} placed (bound {most}), {have:.0f} GPUs ({have / total:.1%}),"
        f" {middle - start:.1f} s"
        f"\n  kube    {len(single.bindings)} placed, {theirs:.0f} GPUs ({theirs / total:.1%}), {end - middle:.1f} s"
    )
    assert len(joint.bindings) >= len(single.bindings)
    assert len(joint.bindings) <= most
