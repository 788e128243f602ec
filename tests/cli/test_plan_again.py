"""A cluster that has settled stays as it is: planned again, nothing happens in it.

Controllers that start anew look at everything once; what they only note for themselves does not count.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import Options, Plan, load, plan
from kubelogic.reconcile.actions import Forget, Remember

ROOT = Path(__file__).resolve().parents[2]


def again(before: Plan) -> list[str]:
    """What happens in the cluster that a plan ended with."""
    noted = (Remember, Forget)
    return [str(each.action) for each in plan(before.cluster).actions if not isinstance(each.action, noted)]


def test_the_shop_stays_as_it_was_planned() -> None:
    first = plan(load([ROOT / "fixtures" / "shop"]))
    assert first.actions
    assert again(first) == []


PROJECTS = (
    "argo-cd",
    "calico",
    "descheduler",
    "flannel",
    "ingress-nginx",
    "knative-serving",
    "kube-prometheus",
    "kwok",
    "online-boutique",
    "podinfo",
)


@pytest.mark.slow
@pytest.mark.parametrize("project", PROJECTS)
def test_projects_stay_as_they_were_planned(project: str, corpus: Path) -> None:
    paths = [ROOT / "fixtures" / "nodes" / "ten.yaml", corpus / "manifests" / project]
    first = plan(load(paths, keep_going=True), Options(horizon=600_000))
    assert first.settled
    assert again(first) == []
