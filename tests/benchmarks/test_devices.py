"""Many pods with claims on devices, on many nodes. Seconds are of processor time."""

from __future__ import annotations

import time
from random import Random

import pytest

from kubelogic.placement.devices.model import Claim, Device, Devices, Request, Selector, Slice
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal.joint import place
from kubelogic.placement.problem import Node, Pod, Problem, Reach, Scorer, Shape

pytestmark = pytest.mark.benchmark


def _problem(nodes: int, pods: int) -> Problem:
    random = Random(1)
    names = [f"n{number:04}" for number in range(nodes)]
    slices = tuple(
        Slice(
            name=name,
            driver="gpu",
            pool=name,
            nodes=frozenset({name}),
            local=True,
            devices=tuple(Device(name=f"g{n}", look=("a100", "h100")[i % 2]) for n in range(8)),
        )
        for i, name in enumerate(names)
    )
    kinds = [("any", 1), ("any", 2), ("a100", 1), ("h100", 2), ("any", 4)]
    claims, waiting = [], []
    for number in range(pods):
        kind, count = random.choices(kinds, (6, 3, 3, 2, 1))[0]
        name, shape = f"p{number:05}", f"s{random.choice((1, 2, 4))}"
        selector = Selector(expression=kind, origin=f"claim {name}", index=0)
        request = Request(name="r", device_class="gpu", selectors=(selector,), count=count)
        claims.append(Claim(name=name, requests=((request,),)))
        waiting.append(Pod(name=name, shape=shape, order=number, device_claims=(name,), uid=name))
    looks = {
        "any": {"a100": "yes", "h100": "yes"},
        "a100": {"a100": "yes", "h100": ""},
        "h100": {"a100": "", "h100": "yes"},
    }
    shapes = tuple(Shape(name=f"s{cpu}", requests={"cpu": cpu * 1000, "pods": 1}) for cpu in (1, 2, 4))
    return Problem(
        nodes=tuple(Node(name=name, node_class="c", allocatable={"cpu": 32_000, "pods": 110}) for name in names),
        shapes=shapes,
        pods=tuple(waiting),
        allowed={shape.name: Reach(node_classes=frozenset({"c"})) for shape in shapes},
        devices=Devices(slices=slices, claims=tuple(claims), verdicts=looks),
        scorers=(Scorer(name="NodeResourcesFit", kind="least_allocated", resources=("cpu",)),),
    )


def test_a_thousand_nodes_with_eight_devices_take_four_thousand_pods() -> None:
    problem = _problem(1000, 4000)
    start = time.process_time()
    found = schedule(problem)
    took = time.process_time() - start
    assert len(found.bindings) == 4000
    assert 4000 / took >= 500
    start = time.process_time()
    joint = place(problem, timeout=60.0, clock=time.process_time)
    assert len(joint.bindings) == 4000
    assert time.process_time() - start <= 60.0


def test_where_more_is_asked_for_than_there_is_the_joint_scheduler_ends_in_time() -> None:
    problem = _problem(300, 1500)
    start = time.process_time()
    joint = place(problem, timeout=60.0, clock=time.process_time)
    assert len(joint.bindings) >= len(schedule(problem).bindings)
    assert time.process_time() - start <= 70.0
