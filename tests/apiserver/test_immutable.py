"""Changes that the API server refuses because a field may not change any more."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.apiserver.registry.pod_updates import refuse_pod
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")
OTHER = {"selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}}}
NEVER = (
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' "
    "are forbidden"
)
SELECTOR = 'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable'
TANDEM = "spec.completions: Invalid value: 5: can only be modified in tandem with spec.parallelism"


@pytest.mark.parametrize(
    ("kind", "spec", "change", "message"),
    [
        (
            "Deployment",
            {},
            OTHER,
            f'Deployment.apps "a" is invalid: {SELECTOR}',
        ),
        (
            "DaemonSet",
            {},
            OTHER,
            f'DaemonSet.apps "a" is invalid: {SELECTOR}',
        ),
        ("StatefulSet", {}, {"serviceName": "other"}, f'StatefulSet.apps "a" is invalid: {NEVER}'),
        ("StatefulSet", {}, {"podManagementPolicy": "Parallel"}, f'StatefulSet.apps "a" is invalid: {NEVER}'),
        (
            "Job",
            {"completions": 3},
            {"completions": 5},
            'Job.batch "a" is invalid: spec.completions: Invalid value: 5: field is immutable',
        ),
        (
            "Job",
            {"completions": 3, "parallelism": 3, "completionMode": "Indexed"},
            {"completions": 5},
            f'Job.batch "a" is invalid: {TANDEM}',
        ),
    ],
)
def test_a_field_that_may_not_change_is_refused(kind: str, spec: Any, change: Any, message: str) -> None:
    lab = Lab(TICKER)
    lab.create(workload(kind, "a", **spec))
    before = lab.document(kind, "a")
    answer = lab.patch(kind, "a", {"spec": change})
    assert (answer.status, answer.message) == (422, message)
    assert lab.document(kind, "a") == before


@pytest.mark.parametrize(
    ("kind", "spec", "change"),
    [
        ("Deployment", {}, {"replicas": 2, "minReadySeconds": 5}),
        ("StatefulSet", {}, {"replicas": 2, "ordinals": {"start": 3}, "minReadySeconds": 4}),
        ("Job", {"completions": 3}, {"parallelism": 2, "backoffLimit": 1, "suspend": True}),
        (
            "Job",
            {"completions": 3, "parallelism": 3, "completionMode": "Indexed"},
            {"completions": 5, "parallelism": 5},
        ),
        ("Job", {"suspend": True}, {"template": {"spec": {"nodeSelector": {"a": "b"}}}}),
    ],
)
def test_other_fields_may_change(kind: str, spec: Any, change: Any) -> None:
    lab = Lab(TICKER)
    lab.create(workload(kind, "a", **spec))
    assert lab.patch(kind, "a", {"spec": change}).accepted


def test_a_suspended_job_keeps_its_pods_but_for_where_they_go_and_what_they_request() -> None:
    """Source: TestJobStrategy_ValidateUpdate and validatePodTemplateUpdate of pkg/apis/batch."""
    lab = Lab(TICKER)
    lab.create(workload("Job", "a", suspend=True))
    lab.wait(3)
    term = {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "kubernetes.io/hostname"}
    near = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    refused = lab.patch("Job", "a", {"spec": {"template": {"spec": {"affinity": near}}}})
    assert refused.status == 422
    assert '"batch.kubernetes.io/job-name":"a"' in refused.message, "the whole template is shown"
    match = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
    zone = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [match]}}}
    for change in ({"affinity": zone}, {"affinity": None}, {"tolerations": [{"operator": "Exists"}]}):
        assert lab.patch("Job", "a", {"spec": {"template": {"spec": change}}}).accepted
    assert lab.patch("Job", "a", {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}).accepted


def test_a_job_is_suspended_when_its_pods_are_gone() -> None:
    lab = Lab(TICKER)
    lab.create(workload("Job", "a"))
    lab.wait(3)
    change = {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}
    lab.patch("Job", "a", {"spec": {"suspend": True}})
    assert lab.patch("Job", "a", change).status == 422
    lab.wait(60)
    assert lab.patch("Job", "a", change).accepted


def test_the_template_of_a_job_that_runs_may_not_change() -> None:
    lab = Lab(TICKER)
    lab.create(workload("Job", "a"))
    lab.wait(3)
    answer = lab.patch("Job", "a", {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}})
    assert (answer.status, answer.message.startswith('Job.batch "a" is invalid: spec.template: ')) == (422, True)


def test_of_a_pod_only_images_and_a_few_others_may_change() -> None:
    lab = Lab(TICKER)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    lab.create({**pod, "spec": {"containers": [{"name": "c", "image": "app:1"}]}})
    lab.wait(3)
    containers = lab.document("Pod", "p")["spec"]["containers"]
    assert lab.patch("Pod", "p", {"spec": {"containers": [{**containers[0], "image": "app:2"}]}}).accepted
    assert lab.patch("Pod", "p", {"metadata": {"labels": {"a": "b"}}}).accepted
    assert lab.patch("Pod", "p", {"spec": {"nodeSelector": {"a": "b"}}}).status == 422


def test_what_exists_and_where_there_is_no_namespace() -> None:
    lab = Lab(TICKER)
    web = workload("Deployment", "web", replicas=0)
    lab.create(web)
    answer = lab.create(web)
    assert (answer.status, answer.message) == (409, 'deployments.apps "web" already exists')
    lost = lab.create({**web, "metadata": {"name": "web", "namespace": "nowhere"}})
    assert (lost.status, lost.message) == (404, 'namespaces "nowhere" not found')


STAYS = (
    "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for "
    "bound claims"
)
SHRINKS = "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"


@pytest.mark.parametrize(
    ("bound", "has", "change", "status", "message"),
    [
        (True, "2Gi", {"resources": {"requests": {"storage": "4Gi"}}}, 200, ""),
        (True, "2Gi", {"resources": {"requests": {"storage": "2560Mi"}}}, 200, ""),
        (True, "2Gi", {"resources": {"requests": {"storage": "2Gi"}}}, 422, SHRINKS),
        (True, "3Gi", {"resources": {"requests": {"storage": "1Gi"}}}, 422, SHRINKS),
        (False, None, {"resources": {"requests": {"storage": "4Gi"}}}, 422, STAYS),
        (False, None, {"resources": {"requests": {"storage": "1Gi"}}}, 422, STAYS),
        (True, "2Gi", {"resources": {"limits": {"storage": "9Gi"}}}, 422, STAYS),
        (True, "2Gi", {"accessModes": ["ReadWriteMany"]}, 422, STAYS),
        (False, None, {"storageClassName": "other"}, 422, STAYS),
        (False, None, {"volumeName": "v9"}, 200, ""),
    ],
)
def test_only_a_bound_claim_asks_for_another_size_and_none_shrinks(
    *, bound: bool, has: str | None, change: Any, status: int, message: str
) -> None:
    lab = Lab(TICKER)
    lab.create(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "grows"},
            "provisioner": "example.com/disk",
            "allowVolumeExpansion": True,
        }
    )
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "grows",
        "resources": {"requests": {"storage": "3Gi"}},
        **({"volumeName": "v1"} if bound else {}),
    }
    lab.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": spec})
    state = {"phase": "Bound", "capacity": {"storage": has}} if bound else {"phase": "Pending"}
    lab.patch("PersistentVolumeClaim", "c", {"status": state}, subresource="status")
    answer = lab.patch("PersistentVolumeClaim", "c", {"spec": change})
    assert answer.status == status
    assert message in answer.message


def test_a_refused_change_of_a_pod_shows_what_would_differ() -> None:
    before = {"containers": [{"name": "c", "image": "i"}], "nodeName": "n1", "serviceAccountName": "default"}
    after = {**before, "nodeName": "n2", "containers": [{"name": "c", "image": "j"}]}
    ((field, words),) = refuse_pod(before, after)
    assert field == "spec"
    first, *lines = words.split("\n")
    assert first.startswith("Forbidden: pod updates may not change fields other than `spec.containers[*].image`,")
    assert lines[1:] == [
        '  "NodeSelector": null,',
        '  "ServiceAccountName": "default",',
        '  "AutomountServiceAccountToken": null,',
        '- "NodeName": "n1",',
        '+ "NodeName": "n2",',
        '  "SecurityContext": {',
        '   "HostNetwork": false,',
        '   "HostPID": false,',
        "",
    ]


@pytest.mark.parametrize(
    ("before", "after", "faults"),
    [
        ({}, {"tolerations": [{"key": "a"}]}, []),
        (
            {"tolerations": [{"key": "a"}]},
            {},
            [
                "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
            ],
        ),
        (
            {"tolerations": [{"key": "a", "tolerationSeconds": 3}]},
            {"tolerations": [{"key": "a", "tolerationSeconds": 4}]},
            [],
        ),
        ({"activeDeadlineSeconds": 5}, {"activeDeadlineSeconds": 4}, []),
        (
            {"activeDeadlineSeconds": 5},
            {"activeDeadlineSeconds": 6},
            ["spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value"],
        ),
        (
            {"activeDeadlineSeconds": 5},
            {},
            [
                "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value",
            ],
        ),
        (
            {"containers": [{"name": "a"}]},
            {"containers": []},
            ["spec.containers: Forbidden: pod updates may not add or remove containers"],
        ),
        ({"schedulingGates": [{"name": "g"}]}, {"nodeSelector": {"a": "b"}}, []),
        (
            {"schedulingGates": [{"name": "g"}], "nodeSelector": {"a": "b"}},
            {"nodeSelector": {"a": "c"}},
            [
                'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed '
                "(no mutations or deletions)",
            ],
        ),
        ({"terminationGracePeriodSeconds": -1}, {"terminationGracePeriodSeconds": 1}, []),
    ],
)
def test_what_may_change_in_a_pod(before: dict[str, Any], after: dict[str, Any], faults: list[str]) -> None:
    assert [f"{field}: {words}" for field, words in refuse_pod(before, after)] == faults


def test_faults_of_a_change_come_with_what_may_not_change() -> None:
    lab = Lab(TICKER)
    lab.create(workload("Deployment", "a"))
    labels = lab.document("Deployment", "a")["spec"]["template"]["metadata"]["labels"]
    answer = lab.patch("Deployment", "a", {"spec": {"selector": {"matchLabels": {"z": "x"}}}})
    assert [field for field, _ in answer.faults] == ["spec.template.metadata.labels", "spec.selector"]
    shown = ",".join(f'"{key}":"{value}"' for key, value in sorted(labels.items()))
    assert answer.faults[0][1] == f"Invalid value: {{{shown}}}: `selector` does not match template `labels`"
