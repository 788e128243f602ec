"""What older clusters printed is read as the version that is served, where the meaning can be kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kubelogic.api import load, plan
from kubelogic.apiserver.reading import load as read
from kubelogic.kinds.conversion import MATCHES_NOTHING, converted
from kubelogic.kinds.table import REMOVED
from kubelogic.text import InputError

Document = dict[str, Any]


def old(version: str, kind: str, **parts: Any) -> Document:
    metadata = {"name": "web", "namespace": "shop", "uid": "u"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
SELECTOR = {"matchLabels": {"app": "web"}}


@pytest.mark.parametrize(
    ("version", "kind", "spec"),
    [
        ("extensions/v1beta1", "Deployment", {"rollbackTo": {"revision": 1}, "replicas": 2}),
        ("apps/v1beta1", "Deployment", {"replicas": 2}),
        ("apps/v1beta2", "StatefulSet", {"replicas": 2, "serviceName": "web"}),
        ("extensions/v1beta1", "DaemonSet", {"templateGeneration": 3}),
        ("extensions/v1beta1", "ReplicaSet", {"replicas": 2}),
    ],
)
def test_workloads_are_planned_and_told(version: str, kind: str, spec: Document) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "oak"}, "status": {"allocatable": {"pods": "9"}}}
    given = old(version, kind, spec={"selector": SELECTOR, "template": TEMPLATE, **spec})
    found = plan(load([node, given]))
    assert len(found.placements) == spec.get("replicas", 1)


def test_a_notice_says_so_with_the_place_of_the_version(tmp_path: Any) -> None:
    path = tmp_path / "dump.yaml"
    path.write_text(
        "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: c, uid: u}\nspec:\n  schedule: '@daily'\n"
        "  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}\n"
    )
    (told,) = read([path]).notices
    assert (told.code, told.message.endswith("read as batch/v1")) == ("KL198", True)
    assert told.location is not None
    assert (told.location.line, told.location.path) == (1, "apiVersion")


def test_a_manifest_of_an_old_version_is_refused() -> None:
    given = old("extensions/v1beta1", "Deployment", spec={"selector": SELECTOR, "template": TEMPLATE})
    del given["metadata"]["uid"]
    with pytest.raises(InputError, match="no longer serves extensions/v1beta1 Deployment: use apps/v1"):
        load(given)


@pytest.mark.parametrize(
    ("selector", "becomes"),
    [
        ({}, {"matchExpressions": [{"key": MATCHES_NOTHING, "operator": "Exists"}]}),
        ({"matchLabels": {}}, {"matchExpressions": [{"key": MATCHES_NOTHING, "operator": "Exists"}]}),
        (SELECTOR, SELECTOR),
        (None, None),
    ],
)
def test_the_empty_selector_of_an_old_budget_selects_nothing(selector: Any, becomes: Any) -> None:
    found = converted(old("policy/v1beta1", "PodDisruptionBudget", spec={"minAvailable": 1, "selector": selector}))
    assert found is not None
    assert (found["apiVersion"], found["spec"]["selector"]) == ("policy/v1", becomes)


@pytest.mark.parametrize(
    ("metric", "becomes"),
    [
        (
            {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 60}},
            {
                "type": "Resource",
                "resource": {"target": {"type": "Utilization", "averageUtilization": 60}, "name": "cpu"},
            },
        ),
        (
            {"type": "Pods", "pods": {"metricName": "qps", "targetAverageValue": "5"}},
            {
                "type": "Pods",
                "pods": {"target": {"type": "AverageValue", "averageValue": "5"}, "metric": {"name": "qps"}},
            },
        ),
        (
            {
                "type": "Object",
                "object": {"metricName": "n", "target": {"kind": "Service", "name": "s"}, "targetValue": "9"},
            },
            {
                "type": "Object",
                "object": {
                    "target": {"type": "Value", "value": "9"},
                    "metric": {"name": "n"},
                    "describedObject": {"kind": "Service", "name": "s"},
                },
            },
        ),
        (
            {"type": "External", "external": {"metricName": "q", "metricSelector": SELECTOR, "targetValue": "9"}},
            {
                "type": "External",
                "external": {"target": {"type": "Value", "value": "9"}, "metric": {"name": "q", "selector": SELECTOR}},
            },
        ),
    ],
)
def test_metrics_of_the_first_beta(metric: Document, becomes: Document) -> None:
    target = {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "name": "web"}
    spec = {"maxReplicas": 3, "scaleTargetRef": target, "metrics": [metric]}
    found = converted(old("autoscaling/v2beta1", "HorizontalPodAutoscaler", spec=spec, status={"currentMetrics": [1]}))
    assert found is not None
    assert found["spec"]["metrics"] == [becomes]
    assert found["spec"]["scaleTargetRef"]["apiVersion"] == "apps/v1"
    assert found["status"] == {}


def test_endpoints_tell_their_zone_and_node() -> None:
    topology = {"topology.kubernetes.io/zone": "a", "kubernetes.io/hostname": "oak"}
    found = converted(
        old("discovery.k8s.io/v1beta1", "EndpointSlice", endpoints=[{"addresses": ["10.0.0.1"], "topology": topology}])
    )
    assert found is not None
    (endpoint,) = found["endpoints"]
    assert (endpoint["zone"], endpoint["nodeName"], "topology" in endpoint) == ("a", "oak", False)


def test_what_has_no_equal_is_left_out_with_a_notice() -> None:
    kept = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "uid": "n"}}
    whole = {"apiVersion": "v1", "kind": "List", "items": [kept, old("policy/v1beta1", "PodSecurityPolicy")]}
    found = read(["-"], stdin=msgspec.json.encode(whole))
    assert [each.kind for each in found.objects] == ["Namespace"]
    assert [each.code for each in found.notices] == ["KL198"]


FOREIGN = {
    "an older release's": (("spec", "topologyKeys"), ["*"]),
    "a newer release's": (("metadata", "moodOfTheDay"), {"today": "fine"}),
    "in the status, nearly another": (("status", "loadBalancers"), {}),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_fields_of_another_release_are_left_out_of_what_a_cluster_printed(case: str) -> None:
    (part, name), value = FOREIGN[case]
    service = old("v1", "Service", spec={"ports": [{"port": 80}], "selector": {"a": "b"}})
    service[part] = {**(service.get(part) or {}), name: value}
    found = read(["-"], stdin=msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": [service] * 2}))
    assert name not in found.objects[0].document[part]
    told = next(each for each in found.notices if each.code == "KL198")
    assert (f"no field {part}.{name} in" in told.message, told.count) == (True, 2)


@pytest.mark.parametrize(("name", "uid"), [("selecter", "u"), ("topologyKeys", "")])
def test_a_field_that_somebody_typed_is_a_fault(name: str, uid: str) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "uid": uid}}
    with pytest.raises(InputError, match="unknown field"):
        read(["-"], stdin=msgspec.json.encode({**service, "spec": {"ports": [{"port": 80}], name: {}}}))


def test_every_old_kind_is_converted_or_left_out() -> None:
    for (version, kind), present in REMOVED.items():
        found = converted({"apiVersion": version, "kind": kind})
        assert found is None or found["apiVersion"] == present
