"""Workloads whose controller is stuck, though no pod is pending, get changes that were tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubelogic.api import explain_any, load
from kubelogic.cli import main
from kubelogic.verbs.about import WorkloadExplanation
from tests.verbs.test_standing import silent, stateful, well

ROOT = Path(__file__).resolve().parents[2]
SITUATIONS = ROOT / "fixtures" / "situations"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("16-multi-attach", {"run 1 replica"}),
        ("17-quota", {"run 1 replica", "raise requests.cpu to 2100m in ResourceQuota default/team"}),
        (
            "36-default-limit",
            {
                "limit 700m of cpu instead of 500m in web",
                "change default cpu to 700m from 500m in LimitRange default/usual",
            },
        ),
    ],
)
def test_what_helps_is_tried(name: str, told: set[str]) -> None:
    found = explain_any(load([SITUATIONS / f"{name}.yaml"]), "deploy/web")
    assert isinstance(found, WorkloadExplanation)
    assert {each.summary for each in found.repairs} == told


def test_two_pods_on_one_node_share_a_disk_where_there_is_room(tmp_path: Path) -> None:
    text = (SITUATIONS / "16-multi-attach.yaml").read_text().replace('cpu: "1"', 'cpu: "4"')
    path = tmp_path / "roomy.yaml"
    path.write_text(text)
    found = explain_any(load([path]), "deploy/web")
    assert isinstance(found, WorkloadExplanation)
    assert [each.summary for each in found.repairs] == [
        "keep its pods on one node, by affinity to each other",
        "run 1 replica",
    ]


def test_a_node_that_is_off_lets_go_of_the_pod_of_a_set() -> None:
    found = explain_any(load([silent("elm"), well("oak"), *stateful()]), "sts/db")
    assert isinstance(found, WorkloadExplanation)
    (repair,) = found.repairs
    assert repair.summary.startswith("declare elm out of service")
    assert repair.owner == "platform"


def test_no_change_is_told_that_does_not_help() -> None:
    """Where the only other node is too small, the pod of the set has no place, whoever ends the old one."""
    small = well("oak")
    small["status"]["allocatable"]["pods"] = "0"
    found = explain_any(load([silent("elm"), small, *stateful()]), "sts/db")
    assert isinstance(found, WorkloadExplanation)
    assert found.unwell
    assert not found.repairs


@pytest.mark.parametrize("name", ["16-multi-attach", "17-quota", "36-default-limit"])
def test_a_plan_leads_to_what_helps(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["plan", f"fixtures/situations/{name}.yaml"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    step = f"kubelogic explain deployment/default/web fixtures/situations/{name}.yaml"
    assert last == f"Next, all about one of them: {step}"
    assert main(step.split()[1:]) == 1
    assert "each was tried" in capsys.readouterr().out


def _ranged(kind: str, limits: list[dict[str, Any]], *resources: dict[str, Any]) -> list[dict[str, Any]]:
    """A node, a LimitRange and a workload with a container for each of some ``resources``."""
    containers = [{"name": f"c{i}", "image": "web:1", "resources": each} for i, each in enumerate(resources)]
    labels, meta = {"app": "web"}, {"name": "web", "namespace": "default"}
    range_meta = {"name": "bounds", "namespace": "default"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec: dict[str, Any] = {"template": pod, "selector": {"matchLabels": labels}}
    version = "apps/v1"
    match kind:
        case "Pod":
            version, spec = "v1", pod["spec"]
        case "Job":
            version, spec = "batch/v1", {"template": {**pod, "spec": {**pod["spec"], "restartPolicy": "Never"}}}
        case "StatefulSet":
            claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            spec |= {"serviceName": "web", "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}]}
    usual = {"storageclass.kubernetes.io/is-default-class": "true"}
    return [
        well("oak"),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "usual", "annotations": usual},
            "provisioner": "ebs.csi.aws.com",
        },
        {"apiVersion": "v1", "kind": "LimitRange", "metadata": range_meta, "spec": {"limits": limits}},
        {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec},
    ]


_MOST: dict[str, Any] = {"type": "Container", "max": {"cpu": "1"}}


@pytest.mark.parametrize(
    ("kind", "limits", "resources", "told"),
    [
        pytest.param(
            "Deployment",
            [{"type": "Container", "max": {"cpu": "1"}, "min": {"memory": "64Mi"}}],
            [{"requests": {"cpu": "500m", "memory": "32Mi"}, "limits": {"cpu": "3"}}],
            [
                "limit 1 of cpu instead of 3, request 64Mi of memory instead of 32Mi in c0",
                "change max cpu to 3 from 1, min memory to 32Mi from 64Mi in LimitRange default/bounds",
            ],
            id="a maximum and a minimum",
        ),
        pytest.param(
            "Deployment",
            [_MOST],
            [{"requests": {"cpu": "2"}}],
            [
                "request 1 of cpu instead of 2 in c0",
                "change default cpu to 2 from 1, max cpu to 2 from 1 in LimitRange default/bounds",
            ],
            id="the maximum is the default, too",
        ),
        pytest.param(
            "Deployment",
            [{"type": "Pod", "max": {"cpu": "1500m"}}],
            [{"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}],
            [
                "limit 500m of cpu instead of 1, request 500m of cpu instead of 1 in c0; "
                "limit 1 of cpu instead of 2, request 1 of cpu instead of 2 in c1",
                "change max cpu to 3 from 1500m in LimitRange default/bounds",
            ],
            id="of the whole pod, in proportion",
        ),
        pytest.param(
            "Deployment",
            [{"type": "Pod", "min": {"memory": "1Gi"}}],
            [{}, {}],
            ["request 1Gi of memory in c0"],
            id="nothing is asked for",
        ),
        pytest.param(
            "Deployment",
            [{"type": "Container", "maxLimitRequestRatio": {"memory": "2"}}],
            [{"requests": {"memory": "100Mi"}, "limits": {"memory": "300Mi"}}],
            [
                "request 150Mi of memory instead of 100Mi in c0",
                "limit 200Mi of memory instead of 300Mi in c0",
                "change maxLimitRequestRatio memory to 3 from 2 in LimitRange default/bounds",
            ],
            id="limits many times the requests",
        ),
        pytest.param(
            "Job",
            [_MOST],
            [{"limits": {"cpu": "2"}}],
            [
                "limit 1 of cpu instead of 2, request 1 of cpu instead of 2 in c0",
                "change max cpu to 2 from 1 in LimitRange default/bounds",
            ],
            id="made anew",
        ),
        pytest.param(
            "Pod",
            [_MOST],
            [{"limits": {"cpu": "2"}}],
            [
                "limit 1 of cpu instead of 2, request 1 of cpu instead of 2 in c0",
                "change max cpu to 2 from 1 in LimitRange default/bounds",
            ],
            id="a bare pod",
        ),
        pytest.param(
            "StatefulSet",
            [{"type": "PersistentVolumeClaim", "min": {"storage": "5Gi"}}],
            [{}],
            [
                "ask for 5Gi instead of 1Gi for data",
                "change min storage to 1Gi from 5Gi in LimitRange default/bounds",
            ],
            id="a claim",
        ),
        pytest.param("Deployment", [_MOST], [{"limits": {"cpu": "2", "memory": "1Ti"}}], [], id="too large anyway"),
    ],
)
def test_limit_ranges_that_refuse_have_repairs(
    kind: str, limits: list[dict[str, Any]], resources: list[dict[str, Any]], told: list[str]
) -> None:
    found = explain_any(load([*_ranged(kind, limits, *resources)]), f"{kind.lower()}/web")
    assert isinstance(found, WorkloadExplanation)
    assert found.refused
    assert [each.summary for each in found.repairs] == told
    anew = kind in ("Job", "StatefulSet")
    assert [bool(each.how) for each in found.repairs] == [anew, *[False] * (len(told) - 1)][: len(told)]
