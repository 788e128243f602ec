"""Where pods look names up, as their specs say it."""

from __future__ import annotations

import pytest

from kubelogic.cluster import Object
from kubelogic.facts.networks import pod_facts

CONFIG = {"searches": ["Data.svc.cluster.local."], "options": [{"name": "ndots", "value": "2"}]}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {"pod_dns_policy": [("ClusterFirst",)]}),
        ({"hostNetwork": True}, {"pod_dns_policy": [("Default",)]}),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, {"pod_dns_policy": [("ClusterFirst",)]}),
        (
            {"dnsConfig": CONFIG},
            {
                "pod_dns_policy": [("ClusterFirst",)],
                "pod_dns_config": [()],
                "pod_dns_ndots": [(2,)],
                "pod_search": [(0, "data.svc.cluster.local")],
            },
        ),
        (
            {"dnsConfig": {"options": [{"name": "ndots", "value": "99"}, {"name": "edns0"}]}},
            {"pod_dns_policy": [("ClusterFirst",)], "pod_dns_config": [()], "pod_dns_ndots": [(99,)]},
        ),
        (
            {"dnsConfig": {"options": [{"name": "ndots", "value": "many"}]}},
            {"pod_dns_policy": [("ClusterFirst",)], "pod_dns_config": [()]},
        ),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.10", "10.0.0.10"]}},
            {"pod_dns_policy": [("None",)], "pod_dns_config": [()], "pod_name_server": [("10.0.0.10",)]},
        ),
    ],
)
def test_policy_and_configuration(spec: dict[str, object], expected: dict[str, list[tuple[object, ...]]]) -> None:
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    found: dict[str, list[tuple[object, ...]]] = {}
    for name, (_, *rest) in pod_facts(Object(api_version="v1", kind="Pod", namespace="d", name="a", document=document)):
        found.setdefault(name, []).append(tuple(rest))
    assert found == expected
