"""Defaults are those of the API server: objects that it returned have nothing to add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.apiserver.admission import ADMISSION_READS
from kubelogic.facts.modules import kinds_read
from kubelogic.kinds.defaults import DEFAULTERS, defaulted
from kubelogic.kinds.defaults.pods import pull_policy
from kubelogic.kinds.validation import admit

FIXTURES = Path(__file__).parents[2] / "fixtures" / "conformance" / "scheduling"


@pytest.fixture
def returned(request: pytest.FixtureRequest) -> list[tuple[str, dict[str, Any]]]:
    """Every object of the recorded cases, as the API server returned it."""
    directory = Path(request.config.getoption("--cases") or FIXTURES)
    return [
        (path.name, document)
        for path in sorted(directory.glob("*.json"))
        for case in [json.loads(path.read_text())]
        for document in [*case.get("objects", []), *case.get("pods", [])]
    ]


def without_nulls(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: without_nulls(value) for key, value in tree.items() if value is not None}
    return [without_nulls(item) for item in tree] if isinstance(tree, list) else tree


def test_what_the_api_server_returned_has_nothing_to_add(returned: list[tuple[str, dict[str, Any]]]) -> None:
    """The API server stores objects with their defaults, so defaulting them again changes nothing."""
    assert returned
    for name, document in returned:
        assert defaulted(without_nulls(document)) == without_nulls(document), name


def test_what_the_api_server_returned_is_admitted_as_it_is(returned: list[tuple[str, dict[str, Any]]]) -> None:
    for name, document in returned:
        admission = admit(document)
        assert admission.problems == (), name
        assert admission.document == without_nulls(document), name


ONLY_SERVED = {
    "CustomResourceDefinition",
    "FlowSchema",
    "MutatingWebhookConfiguration",
    "PriorityLevelConfiguration",
    "ValidatingWebhookConfiguration",
}
"""Kinds that no rule reads: a client of ``serve`` gets them back with their defaults."""


def test_every_kind_with_defaults_has_a_view_or_is_a_binding() -> None:
    rest = {kind for _, kind in DEFAULTERS if kind not in kinds_read() | ADMISSION_READS}
    assert rest == {"PodTemplate", "IngressClass", "Workload", *ONLY_SERVED}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("app", "Always"),
        ("app:latest", "Always"),
        ("app:1", "IfNotPresent"),
        ("registry.test:5000/app", "Always"),
        ("registry.test:5000/app:1", "IfNotPresent"),
        ("app@sha256:" + "0" * 64, "IfNotPresent"),
        ("app:latest@sha256:" + "0" * 64, "Always"),
        ("Not/An:Image", "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)
def test_images_without_a_fixed_version_are_always_pulled(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


def spec_of(kind: str, spec: dict[str, Any], **rest: Any) -> dict[str, Any]:
    api_version = {"Pod": "v1", "Job": "batch/v1", "CronJob": "batch/v1", "Service": "v1"}.get(kind, "apps/v1")
    document = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec, **rest}
    result: dict[str, Any] = defaulted(document)["spec"]
    return result


def test_deployment() -> None:
    spec = spec_of("Deployment", {})
    assert spec["replicas"] == 1
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    assert spec_of("Deployment", {"strategy": {"type": "Recreate"}})["strategy"] == {"type": "Recreate"}


def test_daemon_set() -> None:
    assert spec_of("DaemonSet", {})["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    }


def test_stateful_set() -> None:
    spec = spec_of("StatefulSet", {"volumeClaimTemplates": [{"metadata": {"name": "d"}}]})
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert spec["podManagementPolicy"] == "OrderedReady"
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert spec["volumeClaimTemplates"][0]["spec"]["volumeMode"] == "Filesystem"
    explicit = spec_of("StatefulSet", {"updateStrategy": {"type": "RollingUpdate"}})
    assert explicit["updateStrategy"] == {"type": "RollingUpdate"}


def test_job() -> None:
    spec = spec_of("Job", {})
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, 6)
    assert (spec["completionMode"], spec["podReplacementPolicy"]) == ("NonIndexed", "TerminatingOrFailed")
    queue = spec_of("Job", {"parallelism": 3, "backoffLimitPerIndex": 1, "podFailurePolicy": {"rules": []}})
    assert "completions" not in queue
    assert (queue["backoffLimit"], queue["podReplacementPolicy"]) == (2**31 - 1, "Failed")


def test_cron_job() -> None:
    spec = spec_of("CronJob", {"schedule": "@daily"})
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 1)
    assert (spec["concurrencyPolicy"], spec["suspend"]) == ("Allow", False)
    assert "backoffLimit" not in spec["jobTemplate"]["spec"], "comes when the Job is made"


def test_requests_follow_limits_in_pods_but_not_in_templates() -> None:
    """If a limit is given and no request, the request is the limit."""
    container = {"name": "c", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "0.1"}}}
    pod = spec_of("Pod", {"containers": [container]})["containers"][0]["resources"]["requests"]
    assert pod == {"cpu": "100m", "memory": "1Gi"}
    template = spec_of("ReplicaSet", {"template": {"spec": {"containers": [container]}}})
    assert template["template"]["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "100m"}


def test_pod_level_requests_are_those_of_the_containers() -> None:
    """Pod-level requests default to what the containers request together, else to the pod-level limits."""
    spec = {
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "100m"}}}],
        "initContainers": [
            {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}},
            {"name": "i", "resources": {"requests": {"cpu": "300m"}}},
        ],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    }
    assert spec_of("Pod", spec)["resources"]["requests"] == {"cpu": "350m", "memory": "1Gi"}


def test_host_network_takes_container_ports() -> None:
    spec = {"hostNetwork": True, "containers": [{"name": "a", "ports": [{"containerPort": 80}]}]}
    assert spec_of("Pod", spec)["containers"][0]["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]


def test_label_keys_become_expressions_of_the_pod() -> None:
    spec = {
        "topologySpreadConstraints": [
            {"matchLabelKeys": ["hash", "none"], "labelSelector": {"matchLabels": {"a": "b"}}},
            {"matchLabelKeys": ["hash"]},
        ]
    }
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"hash": "1"}}, "spec": spec}
    constraints = defaulted(document)["spec"]["topologySpreadConstraints"]
    assert constraints[0]["labelSelector"]["matchExpressions"] == [{"key": "hash", "operator": "In", "values": ["1"]}]
    assert "labelSelector" not in constraints[1]


def test_services() -> None:
    spec = spec_of("Service", {"ports": [{"port": 80}, {"port": 81, "targetPort": "web"}]})
    assert spec["ports"] == [
        {"port": 80, "protocol": "TCP", "targetPort": 80},
        {"port": 81, "protocol": "TCP", "targetPort": "web"},
    ]
    assert (spec["type"], spec["sessionAffinity"], spec["internalTrafficPolicy"]) == ("ClusterIP", "None", "Cluster")
    headless = spec_of("Service", {"clusterIP": "None"})
    assert (headless["ipFamilies"], headless["clusterIPs"]) == (["IPv4", "IPv6"], ["None"])
    balanced = spec_of("Service", {"type": "LoadBalancer", "sessionAffinity": "ClientIP"})
    assert balanced["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}
    assert (balanced["externalTrafficPolicy"], balanced["allocateLoadBalancerNodePorts"]) == ("Cluster", True)


def test_limit_ranges() -> None:
    """For containers the default limit is the maximum, and the default request the default limit, or the minimum."""
    item = {"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "1", "memory": "1Gi"}}
    document = {"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": [item]}}
    (filled,) = defaulted(document)["spec"]["limits"]
    assert filled["default"] == {"cpu": "2"}
    assert filled["defaultRequest"] == {"cpu": "2", "memory": "1Gi"}


def test_secrets_keep_text_as_base64() -> None:
    document = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "é"}, "data": {"b": "AA=="}}
    assert defaulted(document) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "data": {"a": "w6k=", "b": "AA=="},
    }


def test_autoscalers() -> None:
    document = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {"behavior": {}}}
    spec = defaulted(document)["spec"]
    assert spec["minReplicas"] == 1
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 80}
    assert [policy["type"] for policy in spec["behavior"]["scaleUp"]["policies"]] == ["Pods", "Percent"]
    assert "stabilizationWindowSeconds" not in spec["behavior"]["scaleDown"]


def test_entries_of_a_status_have_the_strings_that_are_always_stored() -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"conditions": [{}]}}
    assert defaulted(node)["status"]["conditions"] == [{"type": "", "status": ""}]
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {}, "status": {"containerStatuses": [{"ready": True}]}}
    assert defaulted(pod)["status"]["containerStatuses"] == [{"name": "", "ready": True}]
