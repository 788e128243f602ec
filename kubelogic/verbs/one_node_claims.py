"""Claims whose volume only one node at a time can have: of pods on several nodes only those on one of them run.

The scheduler does not look at it, so that more pods are placed than run.

Source: pkg/controller/volume/attachdetach/reconciler/reconciler.go, attachDesiredVolumes, of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.explain.units import some
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.reconciled import Reconciled


def one_node_claims(done: Reconciled, pod: Object) -> tuple[str, ...]:
    """What is said of claims that pods like one share and that only one node can have, if there are any.

    Args:
        done: the cluster after its controllers have run.
        pod: the pod; claims that are made for each pod of its own are not shared.
    """
    names = sorted(set(_shared(pod)))
    claims = [claim for name in names if (claim := done.cluster.get("PersistentVolumeClaim", name)) is not None]
    if not claims or len(done.cluster.objects("Node")) < 2:
        return ()
    rows = Relations.of(done.rulebook, done.run.state, ("exclusive_volume",)).rows("exclusive_volume")
    alone = {str(row[0]) for row in rows}
    found = [claim.key for claim in claims if (claim.document.get("spec") or {}).get("volumeName") in alone]
    if not found:
        return ()
    claims_of = f"volume of claim {found[0]} is" if len(found) == 1 else f"volumes of claims {some(found)} are"
    return (f"Only pods on one node run: the {claims_of} attached to one node at a time, which no scheduler heeds.",)


def _shared(pod: Object) -> Iterator[str]:
    for volume in (pod.document.get("spec") or {}).get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if name:
            yield f"{pod.namespace}/{name}"
