"""``assert_schedulable``: a pod finds a node, or the test fails with the explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver.supposing import supposed
from kubelogic.cluster import Cluster, Object
from kubelogic.verbs.explain import Explanation, explain
from kubelogic.verbs.load import load
from kubelogic.verbs.reconciled import Options


def assert_schedulable(cluster: Cluster, pod: str | Mapping[str, Any], options: Options | None = None) -> Explanation:
    """Fail with the explanation unless a pod gets a node.

    Args:
        cluster: desired and observed objects.
        pod: the name of a pod or workload of the cluster; or a manifest, which is put beside it.
        options: how to reconcile.

    Returns:
        Why the pod is where it is.

    Raises:
        AssertionError: with the whole explanation, repairs and all.
        UnknownPodError: if there is no such pod.
        InputError: if the manifest is faulty.
    """
    name = pod if isinstance(pod, str) else ""
    if not isinstance(pod, str):
        added: Object = next(iter(load(pod)))
        cluster, name = supposed(cluster, [added]), f"{added.kind} {added.key}"
    found = explain(cluster, name, options or Options())
    if found.verdict != "placed":
        raise AssertionError(f"{found.pod} is not schedulable\n\n{found.to_text()}")
    return found
