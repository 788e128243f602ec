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


GROUP = {"schedulingGroup": {"podGroupName": "one"}}


def test_groups_of_pods_and_templates_are_told_once_with_their_number() -> None:
    cluster = Cluster.of(
        [
            obj("Pod", "a", spec=GROUP),
            obj("Pod", "b", spec={"schedulingGroup": {}}),
            obj("Deployment", "c", spec={"template": {"spec": GROUP}}),
            obj("CronJob", "e", spec={"jobTemplate": {"spec": {"template": {"spec": GROUP}}}}),
        ]
    )
    (notice,) = omitted(cluster, OMISSIONS)
    assert notice.code == "KL292"
    assert notice.count == 3
    assert notice.message.startswith("CronJob d/e uses Pod.spec.schedulingGroup: pods of a group")


@pytest.mark.parametrize(
    ("spec", "codes"),
    [
        ({"schedulerName": "mine"}, ["KL294"]),
        ({"schedulerName": "default-scheduler"}, []),
        (
            {"tolerations": [{"key": "k", "operator": "Exists"}, {"key": "n", "operator": "Gt", "value": "5"}]},
            ["KL293"],
        ),
        ({"schedulingGroup": {"podGroupName": "g"}}, ["KL292"]),
    ],
)
def test_fields_by_value(spec: dict[str, Any], codes: list[str]) -> None:
    assert [notice.code for notice in omitted(Cluster.of([obj("Pod", "a", spec=spec)]), OMISSIONS)] == codes


def test_every_subject_of_the_rules_can_be_read() -> None:
    assert omitted(Cluster(), OMISSIONS) == ()
    assert {each.code for each in OMISSIONS if each.code} >= {"KL292", "KL293", "KL294"}


def test_a_subject_that_is_no_path_is_refused() -> None:
    bad = [Omission(code="KL999", subject="nonsense", words="", place=OMISSIONS[0].place)]
    with pytest.raises(ValueError, match="nonsense"):
        omitted(Cluster(), bad)
