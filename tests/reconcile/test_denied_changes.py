"""What controllers change and delete passes the same admission policies as what people send."""

from __future__ import annotations

import json

import pytest

from kubelogic.api import load, simulate
from kubelogic.verbs.simulate import Simulation

NODE = """
apiVersion: v1
kind: Node
metadata: {name: oak, labels: {kubernetes.io/hostname: oak}}
status:
  allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
---
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "web:1", resources: {requests: {cpu: 100m}}}]}
---
"""
POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: keep}}
spec:
  matchConstraints:
    resourceRules: [{{apiGroups: ["*"], apiVersions: ["*"], operations: [{verb}], resources: [{resource}]}}]
  validations: [{{expression: {expression!r}, messageExpression: "'not by ' + request.userInfo.username"}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: keep}}
spec: {{policyName: keep, validationActions: [Deny]}}
---
"""
ACCOUNT = "system:serviceaccount:kube-system:"


def run(verb: str, resource: str, expression: str, *steps: dict[str, object], rest: str = WEB) -> Simulation:
    policy = POLICY.format(verb=verb, resource=resource, expression=expression)
    return simulate(load(NODE + rest + policy), [*steps])


def told(found: Simulation, kind: str) -> list[str]:
    return [entry.refused for entry in found.run.timeline if entry.type == kind]


SCALE = {"at": "1m", "scale": {"name": "web", "replicas": 1}}


@pytest.mark.parametrize(
    ("expression", "left"),
    [
        ("request.userInfo.username != '" + ACCOUNT + "replicaset-controller'", 3),
        ("!('system:serviceaccounts:kube-system' in request.userInfo.groups)", 3),
        ("request.userInfo.username == '" + ACCOUNT + "replicaset-controller'", 3),  # the kubelet may not end them
        ("request.userInfo.username.startsWith('system:')", 1),
        ("oldObject.metadata.labels.app != 'web'", 3),
    ],
)
def test_a_deletion_is_asked_for_by_the_one_who_wants_it(expression: str, left: int) -> None:
    found = run("DELETE", "pods", expression, SCALE)
    assert len(found.run.state.cluster.objects("Pod")) == left
    held = [each for each in found.final.refusals if each.verb == "delete"]
    assert [each.reason for each in held] == ["FailedDelete"] * (2 if left == 3 else 0)
    assert all("denied request: not by system:" in each.message for each in held)


def test_it_is_tried_again_once_the_policy_is_gone() -> None:
    gone = {"at": "3m", "delete": {"kind": "ValidatingAdmissionPolicyBinding", "name": "keep"}}
    found = run("DELETE", "pods", "false", SCALE, gone)
    assert len(found.run.state.cluster.objects("Pod")) == 1
    assert not found.final.refusals
    assert len(told(found, "FailedDelete")) == 2


def test_a_change_that_is_denied_leaves_the_object_as_it_was() -> None:
    found = run("UPDATE", "replicasets", "!has(object.spec.replicas) || object.spec.replicas > 1", SCALE)
    sets = found.run.state.cluster.objects("ReplicaSet").values()
    assert [each.document["spec"]["replicas"] for each in sets] == [3]
    assert len(found.run.state.cluster.objects("Pod")) == 3
    assert [(each.verb, each.reason) for each in found.final.refusals] == [("change", "FailedUpdate")]
    assert f"not by {ACCOUNT}deployment-controller" in found.final.refusals[0].message


def test_a_node_that_may_not_have_its_range_is_tried_ever_more_slowly() -> None:
    """Each try takes the next range, which is no other thing to try: that went round without end."""
    gone = {"at": "1h", "delete": {"kind": "ValidatingAdmissionPolicyBinding", "name": "keep"}}
    kept = run("UPDATE", "nodes", "false")
    assert kept.run.settled
    assert [(each.verb, each.reason) for each in kept.final.refusals] == [("change", "FailedUpdate")]
    found = run("UPDATE", "nodes", "false", gone)
    assert "podCIDR" in found.run.state.cluster.objects("Node")["oak"].document["spec"]
    assert len(told(found, "FailedUpdate")) == 1


def test_a_status_is_no_change_of_the_object_itself() -> None:
    found = run("UPDATE", "deployments", "false")
    assert not found.final.refusals
    assert len(found.final.placements) == 3


def test_what_a_namespace_holds_may_keep_it() -> None:
    rest = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n"
    rest += "{apiVersion: v1, kind: ConfigMap, metadata: {name: till, namespace: shop}}\n---\n"
    ends = {"at": "1m", "delete": {"kind": "Namespace", "name": "shop"}}
    found = run("DELETE", "configmaps", "oldObject.metadata.name != 'till'", ends, rest=rest)
    assert "shop" in found.run.state.cluster.objects("Namespace")
    assert [(each.owner, each.verb) for each in found.final.refusals] == [("ConfigMap shop/till", "delete")]
    assert f"not by {ACCOUNT}namespace-controller" in found.final.refusals[0].message


def test_dependents_may_keep_their_owner_waiting() -> None:
    found = run("DELETE", "replicasets", "false", {"at": "1m", "delete": {"name": "web", "kind": "Deployment"}})
    assert len(found.run.state.cluster.objects("ReplicaSet")) == 1
    assert f"not by {ACCOUNT}generic-garbage-collector" in found.final.refusals[0].message


def pod(name: str, **spec: object) -> str:
    container = {"name": "a", "image": "a", "resources": {"requests": {"cpu": "3"}}}
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], **spec},
    }
    return f"{json.dumps(document)}\n---\n"


def test_the_scheduler_may_be_kept_from_preempting() -> None:
    rest = "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1000}\n---\n"
    rest += pod("low", nodeName="oak") + pod("high", priorityClassName="high")
    found = run("DELETE", "pods", "request.userInfo.username != 'system:kube-scheduler'", rest=rest)
    assert "default/low" in found.run.state.cluster.objects("Pod")
    assert [each.pod for each in found.final.pending] == ["default/high"]
    assert "not by system:kube-scheduler" in found.final.refusals[0].message
