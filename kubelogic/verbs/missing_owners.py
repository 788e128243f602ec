"""Owners, targets and nodes that objects of a cluster name and the input does not have.

Nothing is collected because its owner was not printed. What the owner's controller would do is not known, though: a
Deployment scales and rolls its ReplicaSets, a CronJob makes the next Job, an operator changes the StatefulSet it made.

Source: pkg/controller/garbagecollector/garbagecollector.go (attemptToDeleteItem) of Kubernetes 1.36, which asks the
cluster, not a dump.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import uid_of
from kubelogic.cluster.owners import with_owners
from kubelogic.cluster.pods import controller_reference, nodes_of, phase_of
from kubelogic.explain.units import some
from kubelogic.facts.quota_costs import plural_of
from kubelogic.facts.templates import MAKERS
from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.operated import OPERATED, kept_kind
from kubelogic.kinds.table import is_namespaced, lookup, served
from kubelogic.text import Notice

_NOTHING: Mapping[str, Any] = {}


def lost_owner(cluster: Cluster, pod: Object) -> str:
    """The controller of a pod that the input does not have, so that nobody here makes the pod anew; empty: none.

    A static pod belongs to its node, whose kubelet reads it from a file.
    """
    owner = controller_reference(pod)
    return "" if owner is None else _lost(cluster, pod, owner)


def made_anew(cluster: Cluster, gone: Iterable[str]) -> tuple[str, ...]:
    """Sentences about pods of which is not known whether anybody makes them anew; one for each owner.

    Args:
        cluster: with the pods.
        gone: the keys of those that are gone.
    """
    pods = cluster.objects("Pod")
    left = [pods[key] for key in gone if key in pods]
    lost = sorted({owner for pod in left if phase_of(pod) != "Succeeded" and (owner := lost_owner(cluster, pod))})
    kinds = {kind for _, kind in served()} if lost else set()
    why = {True: "it is not in the input", False: "what operators do is not modelled"}
    return tuple(
        f"Whether {owner} makes the pods anew is not known: {why[owner.partition(' ')[0] in kinds]}." for owner in lost
    )


def missing_owners(cluster: Cluster) -> Iterator[Notice]:
    """One notice for each kind of owner of which some are missing, and one for all owners of unknown kinds.

    Args:
        cluster: as it was read.
    """
    found: list[tuple[str, Object, bool]] = []
    for owners, objects in with_owners(cluster):
        for each in owners:
            name = _lost(cluster, objects[0], each)
            if name:
                is_known = lookup(str(each.get("apiVersion")), str(each.get("kind"))) is not None
                is_told = is_known or name.partition(" ")[0] in OPERATED
                if is_told or (objects[0].kind in MAKERS and each.get("controller")):
                    found += [(name, obj, is_told) for obj in objects if is_stored(obj.document)]
    known: dict[str, dict[str, Object]] = defaultdict(dict)
    others: dict[str, Object] = {}
    if found:
        yield from _of_other_namespaces(cluster, found)
    for name, obj, is_known in sorted(found, key=lambda each: (each[0], each[1].kind, each[1].key)):
        if is_known:
            known[name.partition(" ")[0]].setdefault(name.partition(" ")[2], obj)
        else:
            others.setdefault(name, obj)
    for kind, owned in sorted(known.items()):
        one = len(owned) == 1
        message = (
            f"not in the input: {kind} {some(list(owned))}, which {_owns(owned)}; taken to exist, but what "
            f"{'it' if one else 'they'} would make or change is not known; kubectl get {plural_of(kind)} -A -o yaml "
            f"brings {'it' if one else 'them'}"
        )
        yield _notice(message, owned)
    if others:
        message = (
            f"not modelled: what operators make or change for {some(list(others))}, which {_owns(others)}; "
            f"{'it is' if len(others) == 1 else 'they are'} taken to exist"
        )
        yield _notice(message, others)


def _of_other_namespaces(cluster: Cluster, found: list[tuple[str, Object, bool]]) -> Iterator[Notice]:
    """One notice for each owner whose uid is that of an object of another namespace; it is then not in ``found``.

    Source: pkg/controller/garbagecollector/garbagecollector.go, isDangling, of Kubernetes 1.36.
    """
    at_home = {uid: obj for obj in cluster if obj.namespace and (uid := uid_of(obj))}
    for place, (name, obj, _) in reversed(list(enumerate(found))):
        kind, _, key = name.partition(" ")
        for each in (obj.document.get("metadata") or _NOTHING).get("ownerReferences") or ():
            real = at_home.get(str(each.get("uid") or ""))
            if real is None or (real.kind, real.name, f"{obj.namespace}/{real.name}") != (kind, each.get("name"), key):
                continue
            del found[place]
            message = (
                f"{obj} names {name} as its owner by the uid of {real}, and an owner has to be in the namespace of "
                "what it owns: there is none, so the garbage collector deletes what has no other owner"
            )
            yield _notice(message, {name: obj})
            break


def unprinted_target(cluster: Cluster, autoscaler: Object) -> str:
    """What an autoscaler of a cluster scales, if its kind was not printed; empty if it was, or the autoscaler is new.

    Source: pkg/controller/podautoscaler/horizontal.go (reconcileAutoscaler), which asks the cluster for the scale.
    """
    target: Mapping[str, Any] = (autoscaler.document.get("spec") or {}).get("scaleTargetRef") or {}
    kind, key = str(target.get("kind") or ""), f"{autoscaler.namespace}/{target.get('name')}"
    if not is_stored(autoscaler.document) or not kind or cluster.get(kind, key) is not None:
        return ""
    known = (each for each in cluster.objects(kind).values() if each.namespace == autoscaler.namespace)
    return "" if any(is_stored(each.document) for each in known) else f"{kind} {key}"


def missing_targets(cluster: Cluster) -> Iterator[Notice]:
    """One notice for what autoscalers of the cluster scale and the input does not have."""
    lost = {
        target: obj
        for _, obj in sorted(cluster.objects("HorizontalPodAutoscaler").items())
        if (target := unprinted_target(cluster, obj))
    }
    if lost:
        kinds = ",".join(sorted({plural_of(target.partition(" ")[0]) for target in lost}))
        brought = "it" if len(lost) == 1 else "them"
        scale = f"{some([str(each) for each in lost.values()])} scale{'s' if len(lost) == 1 else ''}"
        message = (
            f"not in the input: {some(list(lost))}, which {scale}; to how many is not known; "
            f"kubectl get {kinds} -A -o yaml brings {brought}"
        )
        first = next(iter(lost.values()))
        yield Notice(code="KL195", message=message, location=first.place(("spec", "scaleTargetRef")), count=len(lost))


def named_in_vain(cluster: Cluster, final: Cluster) -> Iterator[str]:
    """That pods which are not of the cluster name their node themselves, and the input has other nodes only."""
    nodes = {*cluster.objects("Node"), *final.objects("Node")}
    if not nodes:
        return
    before, homes, later = cluster.objects("Pod"), nodes_of(cluster), nodes_of(final)
    if nodes.issuperset(homes.values()) and nodes.issuperset(later.values()):
        return  # nearly always, and the others are many
    pods = Counter([name for key, name in later.items() if name not in nodes and key not in before])
    pods.update([name for key, name in homes.items() if name not in nodes and not is_stored(before[key].document)])
    for name, number in sorted(pods.items()):
        verb, them = ("names", "it") if number == 1 else ("name", "them")
        noun = "pod" if number == 1 else "pods"
        close = difflib.get_close_matches(name, sorted(nodes), n=1)
        near = f" (did you mean {close[0]}?)" if close else ""
        yield (
            f"{number} {noun} {verb} the node {name} (spec.nodeName), which is not in the input{near}. Whether the "
            f"cluster has it is not known: if not, as is assumed here, no kubelet runs {them}, and the pod garbage "
            f"collector deletes {them}."
        )


def _lost(cluster: Cluster, obj: Object, owner: Mapping[str, Any]) -> str:
    """An owner as ``Kind namespace/name`` if the input does not have it; empty if it has, and for nodes."""
    api_version, named = str(owner.get("apiVersion") or ""), str(owner.get("kind") or "")
    kind, name = kept_kind(api_version, named), str(owner.get("name") or "")
    if not kind or not name or named == "Node":
        return ""
    is_spaced = is_namespaced(api_version, named)
    inside = f"{obj.namespace}/{name}" if obj.namespace else name
    key = name if is_spaced is False else inside
    found = cluster.get(kind, key) or (cluster.get(kind, name) if is_spaced is None else None)
    return "" if found is not None else f"{kind} {key}"


def _owns(owned: Mapping[str, Object]) -> str:
    """The verb of the owners, with what they own."""
    verb = "owns" if len(owned) == 1 else "own"
    return f"{verb} {some(list(dict.fromkeys(str(each) for each in owned.values())))}"


def _notice(message: str, owned: Mapping[str, Object]) -> Notice:
    first = next(iter(owned.values()))
    place = first.place(("metadata", "ownerReferences"))
    return Notice(code="KL195", message=message, location=place, count=len(owned))
