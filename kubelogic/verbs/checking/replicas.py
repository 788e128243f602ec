"""Numbers of replicas that a manifest writes and an autoscaler writes, too: each apply undoes what it has done.

Source: kubernetes.io/docs, tasks/run-application/horizontal-pod-autoscale, "Migrating Deployments and StatefulSets to
horizontal autoscaling".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubelogic.apiserver.changes import Change
from kubelogic.cluster import Cluster, Object
from kubelogic.explain.units import count
from kubelogic.kinds.evidence import is_stored
from kubelogic.text import Location
from kubelogic.verbs.checking.findings import Finding

TWICE = "KL316"
_PATH = ("spec", "replicas")
_HELPS = (
    "Leave spec.replicas out of the manifest; kubectl apply edit-last-applied {kind}/{name} takes it out of what was "
    "applied before, or the next apply sets it to 1 once."
)


def of_replicas(cluster: Cluster, changes: Sequence[Change]) -> Iterator[Finding]:
    """The workloads whose manifests say how many replicas there are, although an autoscaler sees to that.

    Args:
        cluster: as it was read; what a cluster printed always has a number, and is nobody's manifest.
        changes: manifests that were applied to objects of it.
    """
    for _, autoscaler in sorted(cluster.objects("HorizontalPodAutoscaler").items()):
        target = (autoscaler.document.get("spec") or {}).get("scaleTargetRef") or {}
        obj = cluster.get(str(target.get("kind")), f"{autoscaler.namespace}/{target.get('name')}")
        found = _written(obj, changes) if obj is not None else None
        if obj is None or found is None:
            continue
        number, place = found
        if number:  # 0 is how an autoscaler is switched off
            yield Finding(
                code=TWICE,
                severity="warning",
                message=f"{obj} sets {count(number, 'replica')}, which {autoscaler} sets, too: each apply undoes it.",
                api_version=obj.api_version,
                kind=obj.kind,
                key=obj.key,
                location=place,
                helps=_HELPS.format(kind=obj.kind.lower(), name=obj.name),
                about=(str(autoscaler),),
            )


def _written(obj: Object, changes: Sequence[Change]) -> tuple[int, Location | None] | None:
    """The number that a manifest of an object says, and where; None if none does."""
    mine = [each for each in changes if (each.kind, each.key) == (obj.kind, obj.key)]
    if mine:
        number = (mine[-1].document.get("spec") or {}).get("replicas")
        return None if number is None else (int(number), mine[-1].origin.locate(_PATH))
    if is_stored(obj.document) or obj.origin is None or not obj.origin.holds(_PATH):
        return None
    return int(obj.document["spec"]["replicas"]), obj.place(_PATH)
