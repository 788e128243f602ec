"""Numbers in annotations and statuses are what anybody writes there: whatever it is, a plan comes of it."""

from __future__ import annotations

import pytest

import kubelogic

CLUSTER = """\
apiVersion: v1
kind: Node
metadata: {{name: oak, labels: {{kubernetes.io/hostname: oak}}}}
status: {{allocatable: {{cpu: "4", memory: 8Gi, pods: "110"}}, conditions: [{{type: Ready, status: "True"}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, uid: d1, annotations: {{deployment.kubernetes.io/revision: "{text}"}}}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: app, image: "app:1"}}]}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: web-1
  uid: r1
  labels: {{app: web}}
  annotations:
    deployment.kubernetes.io/revision: "{text}"
    deployment.kubernetes.io/desired-replicas: "{text}"
    deployment.kubernetes.io/max-replicas: "{text}"
  ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}}]
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: app, image: "app:1"}}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: agent, uid: s1, annotations: {{deprecated.daemonset.template.generation: "{text}"}}}}
spec:
  selector: {{matchLabels: {{app: agent}}}}
  template:
    metadata: {{labels: {{app: agent}}}}
    spec: {{containers: [{{name: app, image: "app:1"}}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {{name: sum, uid: j1}}
spec:
  completions: 3
  completionMode: Indexed
  template: {{spec: {{restartPolicy: Never, containers: [{{name: app, image: "app:1"}}]}}}}
status: {{completedIndexes: "{text}", failedIndexes: "0-{text}"}}
"""


@pytest.mark.parametrize("text", ["²", "٣", "1_0", "-1", "9" * 30, "9" * 5000])
def test_what_is_no_number_is_no_number(text: str) -> None:
    answer = kubelogic.plan(kubelogic.load(CLUSTER.format(text=text)))
    assert {pod.owner for pod in answer.placements} == {
        "Deployment default/web",
        "DaemonSet default/agent",
        "Job default/sum",
    }
