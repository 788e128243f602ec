"""What is used and not modelled is told, never passed over."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.omitted import omitted
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic.terms import Omission

OMISSIONS = [each for file in load_rulebook().files for each in file.omits]


def obj(kind: str, name: str, **document: Any) -> Object:
    return Object(api_version="v1", kind=kind, namespace="d", name=name, document={"metadata": {}, **document})


CLAIMS = {"resourceClaims": [{"name": "gpus", "resourceClaimName": "one"}]}


def test_what_several_objects_use_is_told_once_with_their_number() -> None:
    cluster = Cluster.of(
        [
            obj("PodGroup", "a", spec=CLAIMS),
            obj("PodGroup", "b", spec={"resourceClaims": []}),
            obj("PodGroup", "c", spec=CLAIMS),
        ]
    )
    (notice,) = omitted(cluster, OMISSIONS)
    assert notice.code == "KL292"
    assert notice.count == 2
    assert notice.message.startswith("PodGroup d/a uses PodGroup.spec.resourceClaims: claims that the pods of a group")


def test_pods_and_templates_are_told_together() -> None:
    other = {"schedulerName": "mine"}
    cluster = Cluster.of(
        [
            obj("Pod", "a", spec=other),
            obj("Deployment", "c", spec={"template": {"spec": other}}),
            obj("CronJob", "e", spec={"jobTemplate": {"spec": {"template": {"spec": other}}}}),
        ]
    )
    (notice,) = omitted(cluster, OMISSIONS)
    assert (notice.code, notice.count) == ("KL294", 3)
    assert notice.message.startswith("CronJob d/e uses Pod.spec.schedulerName")


@pytest.mark.parametrize(
    ("spec", "codes"),
    [
        ({"schedulerName": "mine"}, ["KL294"]),
        ({"schedulerName": "default-scheduler"}, []),
        (
            {"tolerations": [{"key": "k", "operator": "Exists"}, {"key": "n", "operator": "Gt", "value": "5"}]},
            ["KL293"],
        ),
        ({"schedulingGroup": {"podGroupName": "g"}}, []),
    ],
)
def test_fields_by_value(spec: dict[str, Any], codes: list[str]) -> None:
    assert [notice.code for notice in omitted(Cluster.of([obj("Pod", "a", spec=spec)]), OMISSIONS)] == codes


@pytest.mark.parametrize(
    ("manager", "codes"), [("example.com/queue", ["KL286"]), ("kubernetes.io/job-controller", []), (None, [])]
)
def test_a_job_that_another_controller_manages_is_told(manager: str | None, codes: list[str]) -> None:
    job = obj("Job", "a", spec={"managedBy": manager} if manager else {})
    assert [notice.code for notice in omitted(Cluster.of([job]), OMISSIONS)] == codes


def test_every_subject_of_the_rules_can_be_read() -> None:
    assert omitted(Cluster(), OMISSIONS) == ()
    assert {each.code for each in OMISSIONS if each.code} >= {"KL292", "KL293", "KL294"}


def test_a_subject_that_is_no_path_is_refused() -> None:
    bad = [Omission(code="KL999", subject="nonsense", words="", place=OMISSIONS[0].place)]
    with pytest.raises(ValueError, match="nonsense"):
        omitted(Cluster(), bad)
