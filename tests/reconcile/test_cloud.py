"""A cloud controller manager that plays along: who notices that a machine is gone, and when."""

from __future__ import annotations

import pytest

from kubelogic.api import load, plan
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.settle import settle
from kubelogic.verbs.reconciled import Options, begin

NODE = """
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}}}}}
spec: {{taints: {taints}}}
status:
  allocatable: {{cpu: "4", memory: 8Gi, pods: "110"}}
  conditions: [{{type: Ready, status: "True"}}]
---
"""
TAINT = "[{key: node.cloudprovider.kubernetes.io/uninitialized, value: 'true', effect: NoSchedule}]"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "web:1", resources: {requests: {cpu: 100m}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
"""


@pytest.mark.parametrize(("cloud", "placed"), [(0, 0), (1, 1)])
def test_a_new_node_takes_pods_once_the_cloud_has_set_it_up(cloud: int, placed: int) -> None:
    cluster = load(NODE.format(name="oak", taints=TAINT) + WEB)
    found = plan(cluster, Options(parameters={"cloud_provider": cloud}))
    assert len(found.placements) == placed
    assert ("KL150" in {notice.code for notice in found.notices}) is not bool(cloud)


@pytest.mark.parametrize(("gone", "moved"), [(True, True), (False, False)])
def test_a_machine_that_is_gone_takes_its_node_with_it_long_before_pods_are_evicted(*, gone: bool, moved: bool) -> None:
    book = load_rulebook((), {"cloud_provider": 1})
    cluster = load(NODE.format(name="oak", taints="[]") + NODE.format(name="elm", taints="[]") + WEB)
    engine = reconciler(book)
    first = settle(engine, begin(cluster, book)[0], until=begin(cluster, book)[0].now + 60_000).state
    node = next(pod.document["spec"]["nodeName"] for pod in first.cluster.objects("Pod").values())
    facts = [("node_silent_since", (node, first.now)), *([("machine_gone", (node,))] if gone else [])]
    silent: State = first.with_world(add=facts)
    later = settle(engine, silent, until=silent.now + 120_000).state
    assert (node not in later.cluster.objects("Node")) is moved
    places = {pod.document["spec"].get("nodeName") for pod in later.cluster.objects("Pod").values()}
    assert (places == {"oak", "elm"} - {node}) is moved
