"""Inputs at the ends of what types hold, half-written objects, and names that become labels: an answer, or a fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cli import main

NODE = """
apiVersion: v1
kind: Node
metadata: {name: oak, labels: {kubernetes.io/hostname: oak}}
status:
  allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
---
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: 'web:1'}]}\n"
SET = """apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: 'db:1'}]}
  volumeClaimTemplates:
"""
CLAIM = "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"
JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: NAME}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'j:1'}]}}}
"""
CRON = """apiVersion: batch/v1
kind: CronJob
metadata: {name: tick, creationTimestamp: "WHEN"}
spec: {schedule: "0 * * * *", timeZone: ZONE, jobTemplate: {spec: {template: {spec: {restartPolicy: Never,
  containers: [{name: c, image: 'j:1'}]}}}}}
"""
SLICE = """apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod}}]
"""
STATUS = "status: {phase: Running, containerStatuses: [{name: c, restartCount: COUNT, state: {waiting: {}}}]}\n"
AUTOSCALER = """apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: web, apiVersion: VERSION}}
"""
CLASS = """apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: zonal}
provisioner: disk.example.com
allowedTopologies:
- matchLabelExpressions: [{key: zone, values: [a, b]}]
- matchLabelExpressions: [{key: zone, values: [VALUES]}]
"""
DEFINITION = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: lights.home.example.com}
spec:
  group: home.example.com
  scope: Namespaced
  names: {kind: Lamp, plural: lights}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
WEBHOOK = """apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: guard}
webhooks:
- {name: guard.example.com, admissionReviewVersions: [v1], sideEffects: None,
   clientConfig: {service: {name: guard, namespace: default}}}
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {pod-security.kubernetes.io/LABEL}}\n"

TAKEN = {
    "a slice that names no pod": SLICE,
    "nulls among conditions": POD + "status: {conditions: [null, null, {type: Ready, status: 'False'}, null]}\n",
    "nulls among containers' statuses": POD + "status: {containerStatuses: [null, {name: c}, null], phase: Running}\n",
    "a status without a name": POD + "status: {containerStatuses: [{restartCount: 1}]}\n",
    "the end of time": CRON.replace("WHEN", "9999-12-31T23:59:59Z").replace("ZONE", "Asia/Tokyo"),
    "the end of time, east of it": CRON.replace("WHEN", "9999-12-31T23:59:59-12:00").replace("ZONE", "America/Lima"),
    "the zero time": CRON.replace("WHEN", "0001-01-01T00:00:00Z").replace("ZONE", "America/Lima"),
    "the first hour": CRON.replace("WHEN", "0001-01-01T01:00:00+12:00").replace("ZONE", "America/Lima"),
    "less than no restarts": POD + STATUS.replace("COUNT", "-1"),
    "as many restarts as there can be": POD + STATUS.replace("COUNT", "2147483647"),
    "grace without end": POD.replace("spec: {", "spec: {terminationGracePeriodSeconds: 9223372036854775807, "),
    "a claim with a name": SET + f"  - metadata: {{name: data}}\n    {CLAIM}\n",
    "a job whose name just fits": JOB.replace("NAME", "j" * 63),
    "another topology": CLASS.replace("VALUES", "b"),
    "a controller without a group": AUTOSCALER.replace("Deployment", "ReplicationController").replace("VERSION", "v1"),
    "a definition": DEFINITION,
    "a webhook": WEBHOOK,
    "a level of security": NAMESPACE.replace("LABEL", "warn: restricted"),
    "a version of security": NAMESPACE.replace("LABEL", "enforce-version: v1.30"),
}
REFUSED = {
    "a claim without a name": (SET + f"  - {CLAIM}\n", "spec.volumeClaimTemplates[0].metadata.name: is required"),
    "a claim with a dot": (SET + f"  - metadata: {{name: a.b}}\n    {CLAIM}\n", '"a.b" must not contain dots'),
    "two claims of one name": (SET + f"  - metadata: {{name: a}}\n    {CLAIM}\n" * 2, "[1].metadata.name"),
    "a job whose name is too long for a label": (JOB.replace("NAME", "j" * 64), "batch.kubernetes.io/job-name"),
    "one topology twice": (CLASS.replace("VALUES", "b, a"), "allowedTopologies[1].matchLabelExpressions"),
    "no group": (AUTOSCALER.replace("VERSION", "v1"), "spec.scaleTargetRef.apiVersion"),
    "an empty group": (AUTOSCALER.replace("VERSION", "/v1"), "spec.scaleTargetRef.apiVersion"),
    "three parts": (AUTOSCALER.replace("VERSION", "a/b/v1"), "spec.scaleTargetRef.apiVersion"),
    "a level in capitals": (NAMESPACE.replace("LABEL", "enforce: Restricted"), "privileged"),
    "a version of nothing": (NAMESPACE.replace("LABEL", "audit-version: '1.30'"), 'must be "latest" or "v1.x"'),
    "another name": (DEFINITION.replace("name: lights", "name: lamps"), "must be lights.home.example.com"),
    "no schema": (
        DEFINITION.replace(", schema: {openAPIV3Schema: {type: object}}", ""),
        "openAPIV3Schema: is required",
    ),
    "no stored version": (DEFINITION.replace("storage: true", "storage: false"), "exactly one version"),
    "no side effects told": (WEBHOOK.replace("sideEffects: None,", ""), "webhooks[0].sideEffects: is required"),
    "a short name of a webhook": (WEBHOOK.replace("guard.example.com", "guard.com"), "at least three segments"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_the_api_server_takes_is_planned(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.yaml").write_text(NODE + TAKEN[name])
    assert main(["plan", str(tmp_path)]) in (0, 1)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "checked" not in printed.out
    assert main(["simulate", str(tmp_path), "--horizon", "10m"]) in (0, 1, 3)


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_refuses_is_a_fault(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, words = REFUSED[name]
    (tmp_path / "x.yaml").write_text(NODE + text)
    assert main(["plan", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err


def placements(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    code = main(["plan", str(path), "-o", "json", *more])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("scheduler", ["optimal", "kube"])
@pytest.mark.parametrize(
    ("has", "asks", "pods", "placed"),
    [
        ("7Ei", "6Ei", 3, 1),
        ("7Ei", "1Ei", 9, 7),
        ("9223372036854775807", "9223372036854775807", 2, 1),
        ("8Gi", "7Ei", 12, 0),
        ("8Gi", "4Gi", 3, 2),
    ],
)
def test_sums_beyond_64_bits_are_exact(  # noqa: PLR0917
    scheduler: str, has: str, asks: str, pods: int, placed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resources = f"resources: {{requests: {{memory: '{asks}'}}}}, image"
    each = [POD.replace("web}", f"w{n}}}").replace("image", resources) for n in range(pods)]
    (tmp_path / "x.yaml").write_text(NODE.replace("8Gi", f"'{has}'") + "---\n".join(each))
    code, plan = placements(tmp_path, capsys, "--scheduler", scheduler)
    assert len(plan["placements"]) == placed
    assert code == (0 if placed == pods else 1)


def test_sums_that_cannot_be_made_exact_are_refused_with_the_amount(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pods = [
        POD.replace("web}", f"w{n}}}").replace("image", f"resources: {{requests: {{memory: '{2**62 + n}'}}}}, image")
        for n in range(3)
    ]
    (tmp_path / "x.yaml").write_text(NODE.replace("8Gi", f"'{2**63 - 1}'") + "---\n".join(pods))
    assert main(["plan", str(tmp_path)]) == 2
    assert "9223372036854775807" in capsys.readouterr().err


def test_a_label_for_a_node_without_labels_is_a_repair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = NODE.replace(", labels: {kubernetes.io/hostname: oak}", "")
    (tmp_path / "x.yaml").write_text(node + POD.replace("{containers", "{nodeSelector: {disk: nvme}, containers"))
    assert main(["explain", "default/web", str(tmp_path), "-o", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    patches = [change["jsonPatch"] for each in found["repairs"] for change in each["changes"] if "jsonPatch" in change]
    assert [{"op": "add", "path": "/metadata/labels", "value": {"disk": "nvme"}}] in patches
