"""What is told of workloads that the API server refuses: a name that plan tells was said not to be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import check, load
from kubelogic.cli import main
from kubelogic.report.about import render_about
from kubelogic.verbs.about import WorkloadExplanation, explain_any
from kubelogic.verbs.targets import UnknownPodError

SHOP = str(Path(__file__).parents[2] / "fixtures/policies/shop.yaml")
DENIED = """
{apiVersion: v1, kind: Node, metadata: {name: oak}, status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: none}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE], resources: [jobs, cronjobs, daemonsets, services]}
  validations: [{expression: "false", message: no way}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: none}
spec: {policyName: none, validationActions: [Deny]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: web}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: web}
spec:
  schedule: "0 0 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: a}]}}
"""


@pytest.mark.parametrize("name", ["shop/web", "deploy/web", "deployment/shop/web"])
def test_a_deployment_that_a_policy_denies(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name, SHOP]) == 1
    told = capsys.readouterr().out
    assert told.startswith("Deployment shop/web: 0 of 9 pods placed, 9 not created yet: deployments.apps")
    assert "satisfy the policy, or change it: ValidatingAdmissionPolicy few-replicas" in told


@pytest.mark.parametrize("kind", ["Job", "CronJob", "DaemonSet"])
def test_workloads_that_want_no_number_of_pods(kind: str) -> None:
    found = explain_any(load(DENIED), f"{kind.lower()}/web")
    assert isinstance(found, WorkloadExplanation)
    assert [(each.owner, each.kind) for each in found.refused] == [(f"{kind} default/web", kind)]
    told = render_about(found)
    assert told.startswith(f"{kind} default/web has no pods here.\n\nREFUSED\n")
    assert "denied request: no way" in told


def test_a_service_is_no_workload() -> None:
    with pytest.raises(UnknownPodError, match=r"no Service default/web: the API server refuses it: .* no way"):
        explain_any(load(DENIED), "svc/web")


def test_a_name_that_nothing_has_is_not_refused() -> None:
    with pytest.raises(UnknownPodError, match="there is no Job default/wob"):
        explain_any(load(DENIED), "job/wob")


def test_check_counts_in_the_singular() -> None:
    told = [each.message for each in check(load([SHOP])).findings if each.code == "KL161"]
    assert any(each.startswith("1 of 1 Pod of ReplicaSet shop/agent-") and " is refused: " in each for each in told)
