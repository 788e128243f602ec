"""What is kept of earlier searches: it answers as a search from the beginning does."""

from __future__ import annotations

from random import Random

import msgspec
import numpy as np
import pytest

from kubelogic.placement.devices import Failure
from kubelogic.placement.devices.model import Claim, Slice, essence
from kubelogic.placement.devices.pools import pools_of
from kubelogic.placement.kube.devices import Desk
from tests.support.device_clusters import device_problem


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_answers_as_a_search_anew(seed: int) -> None:
    problem = device_problem(seed, nodes=6)
    random, names = Random(seed), [node.name for node in problem.nodes]
    desk = Desk(problem, names=names)
    for pod in problem.waiting:
        devices = problem.devices
        assert devices is not None
        fresh = Desk(msgspec.structs.replace(problem, devices=devices.with_claims(desk.claims())))
        some = sorted(random.sample(names, 4))
        kept = desk.lacking(pod, some)
        assert kept == fresh.lacking(pod, some)
        mask = np.array([name in some for name in names])
        assert [names[n] for n in np.flatnonzero(desk.lacks(pod, mask))] == sorted(kept)
        able = [name for name in some if name not in kept]
        if able:
            chosen = random.choice(able)
            granted = desk.on(pod, chosen)
            assert granted == fresh.on(pod, chosen)
            assert not isinstance(granted, Failure)
            desk.give(pod, granted)


def test_claims_that_ask_for_the_same_are_alike_whatever_they_are_called() -> None:
    problem = device_problem(1, nodes=4)
    assert problem.devices is not None
    first = problem.devices.claims[0]
    selector = msgspec.structs.replace(first.requests[0][0].selectors[0], origin="claim other")
    request = msgspec.structs.replace(first.requests[0][0], selectors=(selector,))
    other = msgspec.structs.replace(first, name="other", requests=((request,),))
    assert essence(first) == essence(other)
    twice = msgspec.structs.replace(request, count=request.count + 1)
    assert essence(first) != essence(msgspec.structs.replace(other, requests=((twice,),)))


def test_pools_are_found_once_for_devices_that_differ_in_claims_only() -> None:
    problem = device_problem(1, nodes=4)
    assert problem.devices is not None
    pools = pools_of(problem.devices)
    other = problem.devices.with_claims((Claim(name="new"),))
    assert pools_of(other) is pools
    assert pools.of("n00") is pools.of("n00")


def test_a_pool_of_one_node_is_confined_to_it_and_others_are_not() -> None:
    problem = device_problem(1, nodes=4)
    assert problem.devices is not None
    shared = Slice(name="far", driver="gpu", pool="far", nodes=frozenset({"n00", "n01"}))
    devices = msgspec.structs.replace(problem.devices, slices=(*problem.devices.slices, shared))
    found = pools_of(devices)
    assert found.confined((devices.slices[0].driver, devices.slices[0].pool))
    assert not found.confined(("gpu", "far"))
    assert not found.confined(("gpu", "unknown"))
