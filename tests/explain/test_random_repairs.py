"""Random clusters: each repair and each recipe of moves passes the API server and gets the whole workload to run.

The judge follows what is printed, to the letter: it makes the changes by requests, lets controllers and kube-scheduler
work (``plan --scheduler kube``), and counts pods that run. It shares no code with the trials that found the repairs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from kubelogic.api import explain, load, plan
from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.repairs import applied
from tests.support.stuck import crowded_cluster, stuck_cluster

KUBE = replace(Options(), scheduler="kube")
RUNS = frozenset({"Running", "Succeeded"})
EVICTION = re.compile(r"\| kubectl create --raw /api/v1/namespaces/([^/]+)/pods/([^/]+)/eviction -f -$")


def lacking(cluster: Cluster, kind: str, name: str) -> str:
    """What keeps a workload from running as a whole; empty if nothing does."""
    top = cluster.get(kind, f"default/{name}")
    if top is None:
        return "it is gone"
    pods = [pod for pod in cluster.objects("Pod").values() if _belongs(cluster, pod, top) and _counts(pod)]
    late = sorted(pod.key for pod in pods if _status(pod).get("phase") not in RUNS)
    if late:
        return f"{', '.join(late)} do not run"
    wanted = int((top.document.get("spec") or {}).get("replicas", 1))
    if kind in ("Deployment", "ReplicaSet", "StatefulSet") and len(pods) != wanted:
        return f"{len(pods)} of {wanted} pods"
    if kind in ("Deployment", "StatefulSet") and _status(top).get("updatedReplicas", 0) != wanted:
        return f"{_status(top).get('updatedReplicas', 0)} of {wanted} pods are of the new template"
    return "" if pods else "it has no pod"


def _status(obj: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = obj.document.get("status") or {}
    return found


def _counts(pod: Object) -> bool:
    return _status(pod).get("phase") != "Failed" and not pod.document["metadata"].get("deletionTimestamp")


def _belongs(cluster: Cluster, pod: Object, top: Object) -> bool:
    obj: Object | None = pod
    while obj is not None and (obj.kind, obj.key) != (top.kind, top.key):
        owners = obj.document["metadata"].get("ownerReferences") or ()
        owner = next((each for each in owners if each.get("controller")), None)
        obj = cluster.get(owner["kind"], f"{obj.namespace}/{owner['name']}") if owner else None
    return obj is not None


def faults(seed: int) -> list[str]:
    """What is wrong with the repairs that are offered in a random cluster."""
    documents, (kind, name) = stuck_cluster(seed)
    cluster = load(documents)
    if not lacking(plan(cluster, KUBE).cluster, kind, name):
        return []
    found = []
    waiting = [each.pod for each in plan(cluster).pending if each.pod.startswith(f"default/{name}")]
    for repair in explain(cluster, f"default/{name}").repairs if waiting and kind != "CronJob" else ():
        changed = applied(State.of(cluster), repair.changes, strict=False)
        if not isinstance(changed, State):
            found.append(f"{repair.summary}: refused: {changed}")
        elif wrong := lacking(plan(changed.cluster, KUBE).cluster, kind, name):
            found.append(f"{repair.summary}: {wrong}")
    return found


def moved(seed: int) -> tuple[int, str]:
    """How many moves are printed for a random cluster, and what is wrong when they are followed."""
    documents, (kind, name) = crowded_cluster(seed)
    cluster = load(documents)
    recipe = plan(cluster, replace(KUBE, timeout=20), allow_moves=3).moves
    if recipe is None or not recipe.moves:
        return 0, ""
    state = State.of(plan(cluster, KUBE).cluster)
    for command in recipe.commands:
        word, _, node = command.removeprefix("kubectl ").partition(" ")
        if found := EVICTION.search(command):
            outcome = requests.evict(state, f"{found[1]}/{found[2]}")
        elif word in ("cordon", "uncordon"):
            outcome = requests.cordon(state, node, unschedulable=word == "cordon")
        else:
            assert command.startswith("# wait"), command
            state = State.of(plan(state.cluster, KUBE).cluster)
            continue
        if not outcome.answer.accepted:
            return len(recipe.moves), f"{command}: {outcome.answer.message}"
        state = outcome.state
    after = plan(state.cluster, KUBE).cluster
    if recipe.left or recipe.hopeless:
        late = [pod for pod, _ in recipe.placements if _phase(after, pod) not in RUNS]
        return len(recipe.moves), f"{', '.join(late)} do not run" if late else ""
    return len(recipe.moves), lacking(after, kind, name)


def _phase(cluster: Cluster, key: str) -> str:
    pod = cluster.get("Pod", key)
    return "" if pod is None else str(_status(pod).get("phase"))


@pytest.mark.parametrize("seed", [12, 43])
def test_repairs_work_in_a_few_random_clusters(seed: int) -> None:
    assert faults(seed) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_repairs_work_in_many_random_clusters(seed: int) -> None:
    assert faults(seed) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_moves_work_in_many_random_clusters(seed: int) -> None:
    assert moved(seed)[1] == ""
