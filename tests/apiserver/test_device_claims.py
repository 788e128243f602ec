"""Admin access to devices: only in namespaces that allow it, as far as they are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic import api

DEVICES = """
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {allocatable: {cpu: '1', memory: 1Gi, pods: '9'}, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: gpu}
spec: {}
---
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: s}
spec:
  driver: gpu.example.com
  nodeName: n1
  pool: {name: n1, generation: 1, resourceSliceCount: 1}
  devices: [{name: a}]
"""
REQUEST = "{devices: {requests: [{name: r, exactly: {deviceClassName: gpu, adminAccess: true}}]}}"
POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: main, image: 'app:1'}]
  resourceClaims: [{name: g, %s: c}]
"""
CLAIM = f"""
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {{name: c}}
spec: {REQUEST}
{POD % "resourceClaimName"}
"""
TEMPLATE = f"""
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {{name: c%s}}
spec: {{spec: {REQUEST}}}
{POD % "resourceClaimTemplateName"}
"""
NAMESPACE = """
---
apiVersion: v1
kind: Namespace
metadata: {name: default, labels: {%s}}
"""
ALLOWS = "resource.kubernetes.io/admin-access: 'true'"
WORDS = "admin access to devices requires the `resource.kubernetes.io/admin-access: true` label"


@pytest.mark.parametrize(
    ("given", "placed"),
    [
        (CLAIM, 1),
        (CLAIM + NAMESPACE % ALLOWS, 1),
        (CLAIM + NAMESPACE % "", 0),
        (TEMPLATE % "" + NAMESPACE % ALLOWS, 1),
        (TEMPLATE % "" + NAMESPACE % "resource.kubernetes.io/admin-access: 'yes'", 0),
        (TEMPLATE % ", uid: known" + NAMESPACE % "", 0),
    ],
    ids=["unknown", "allowed", "claim", "template allowed", "template", "claim of a template that is there"],
)
def test_admin_access_needs_a_namespace_that_allows_it(given: str, placed: int, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(DEVICES + given)
    plan = api.plan(api.load([str(tmp_path / "all.yaml")]), api.Options(scheduler="kube"))
    assert len(plan.placements) == placed
    assert plan.settled
    said = repr(plan.refusals)
    assert (WORDS in said) == (not placed)
