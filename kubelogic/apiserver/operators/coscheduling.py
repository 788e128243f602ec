"""Groups of coscheduling, a plugin of kube-scheduler: a PodGroup is read as one of Kubernetes.

Its pods name it with a label, whichever scheduler runs the plugin. ``minMember`` of them get nodes at once, or none.

Source: kubernetes-sigs/scheduler-plugins, pkg/coscheduling/coscheduling.go (PreFilter, PostFilter, Permit),
pkg/coscheduling/core/core.go, apis/scheduling/v1alpha1/types.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.apiserver.operators.made import Child, Fields, Operator
from kubelogic.facts.pod_groups import COSCHEDULED
from kubelogic.kinds.operated import KEPT_AS
from kubelogic.text.location import Path


def pod_group(given: Fields) -> Iterator[Child]:
    """The group that a PodGroup of coscheduling stands for.

    Args:
        given: reads the PodGroup.
    """
    least = given.number("spec", "minMember", default=0)
    parts: tuple[tuple[Path, Path], ...] = (
        (("metadata",), ("metadata",)),
        (("spec",), ("spec",)),
        (("spec", "schedulingPolicy"), ("spec", "minMember")),
    )
    document = {
        "apiVersion": "scheduling.k8s.io/v1alpha2",
        "kind": "PodGroup",
        "metadata": {"name": given.name, "annotations": {COSCHEDULED: "true"}},
        "spec": {"schedulingPolicy": {"gang": {"minCount": least}} if least else {"basic": {}}},
    }
    yield Child(document=document, parts=parts, translates=True)


POD_GROUP = Operator(kind=KEPT_AS["scheduling.x-k8s.io", "PodGroup"], versions=("v1alpha1",), make=pod_group)
