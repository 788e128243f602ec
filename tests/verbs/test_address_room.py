"""Capacity counts addresses: pods beyond them would be placed and never run."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import capacity, load

PROBE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "probe"},
    "spec": {"containers": [{"name": "c", "image": "app:1"}]},
}


def node(*ranges: str) -> dict[str, Any]:
    room = {"cpu": "8", "memory": "32Gi", "pods": "20"}
    spec = {"podCIDR": ranges[0], "podCIDRs": list(ranges)} if ranges else {}
    status = {"allocatable": room, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "oak"}, "spec": spec, "status": status}


def running(name: str, *addresses: str) -> dict[str, Any]:
    about = {"name": name, "namespace": "default", "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"}
    status = {"phase": "Running", "podIP": addresses[0], "podIPs": [{"ip": each} for each in addresses]}
    return {**PROBE, "metadata": about, "spec": {**PROBE["spec"], "nodeName": "oak"}, "status": status}


@pytest.mark.parametrize(
    ("ranges", "pods", "host", "more", "told"),
    [
        (["10.9.0.0/29"], [], False, 5, True),
        (["10.9.0.0/29"], [running("a", "10.9.0.3")], False, 4, True),
        (["10.9.0.0/29"], [running("a", "10.9.0.3")], True, 19, False),
        (["10.9.0.0/24", "fd00:9::/126"], [running("a", "10.9.0.3", "fd00:9::2")], False, 1, True),
        (["10.9.0.0/24"], [], False, 20, False),
        (["10.9.0.0/29"], [running("a", "192.168.7.3")], False, 19, False),
    ],
    ids=["all are free", "one is used", "host network", "second family", "plenty", "another plugin"],
)
def test_addresses_limit_what_fits(
    ranges: list[str], pods: list[dict[str, Any]], host: bool, more: int, told: bool
) -> None:
    probe = {**PROBE, "spec": {**PROBE["spec"], "hostNetwork": host}}
    found = capacity(load([node(*ranges), *pods]), probe, minimize=False)
    assert (found.optimal, found.kube) == (more, more)
    assert any(each.message.startswith("addresses for more pods on node oak") for each in found.notices) == told
