"""Workloads of Kueue. It makes nothing of them: they stand for objects that are there."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.apiserver.operators.made import Child, Fields, Operator
from kubelogic.kinds.operated import KEPT_AS


def _nothing(_given: Fields) -> Iterator[Child]:
    return iter(())


WORKLOAD = Operator(kind=KEPT_AS["kueue.x-k8s.io", "Workload"], versions=("v1beta1", "v1beta2"), make=_nothing)
