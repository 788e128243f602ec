"""What the input refers to and does not have: said, with what was assumed and how to bring it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from kubelogic.apiserver.unprinted_classes import OF_NAME
from kubelogic.apiserver.unprinted_volumes import ONLY_NAMED
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.naming import HASH_LABEL
from kubelogic.cluster.pods import controller_reference, node_of, nodes_of
from kubelogic.explain.units import some
from kubelogic.facts.quota import unit, unprinted_use
from kubelogic.facts.quota_costs import plural_of
from kubelogic.facts.storage import is_default_class, named_class
from kubelogic.kinds.evidence import UNKNOWN_NODE, is_nameless, is_stored, stand_in_reason
from kubelogic.kinds.validation.policy import SYSTEM_PRIORITIES
from kubelogic.text import Notice
from kubelogic.verbs.idle_rules import idle_rules
from kubelogic.verbs.missing_namespaces import unlabelled_for_pods, unlabelled_for_policies
from kubelogic.verbs.missing_owners import made_anew, missing_owners, missing_targets, named_in_vain
from kubelogic.verbs.references import missing_references, naming
from kubelogic.verbs.standing import taken_to_get_ready
from kubelogic.verbs.unresolved import unresolved

MAKERS = ("CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet")
"""Kinds of which controllers make pods."""

_ASSUMED: Mapping[str, str] = {
    "PriorityClass": "taken to be there with the value 0",
    "RuntimeClass": "taken to be there without overhead",
}
"""By kind, what a class that only manifests name is taken to be."""

_HIDDEN = {"Node": "nodes (pods may fit there)", "Pod": "pods (they may take room)"}
"""Kinds of which an object that was not read may change any answer."""

NO_NODES = (
    "There is no node in the input, so nothing can be said of where pods fit: "
    "--nodes 3:4cpu:16Gi adds some, and kubectl get nodes -o yaml brings those of a cluster (all that is read: "
    "kubelogic snapshot --command)."
)


class Lacking(msgspec.Struct, frozen=True, kw_only=True):
    """What the input does not have although an answer may hang on it.

    Attributes:
        remarks: why the answer is good only as far as it goes, the most important first.
        notices: one for each kind of object that is missing.
        noticed: what reading the input had to say, if whoever read it has told: what was left out, what was assumed.
    """

    remarks: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    noticed: tuple[Notice, ...] = ()


NOTHING = Lacking()
"""All is there."""


def lacking(
    cluster: Cluster, final: Cluster | None = None, *, asked: bool = False, of: Collection[str] = ()
) -> Lacking:
    """What is to be said beside any answer about a cluster.

    Args:
        cluster: as it was read.
        final: as its controllers leave it; None if they have not run.
        asked: whether a pod is asked about that need not be in it.
        of: the objects of which is also said what they refer to in vain, as ``Kind namespace/name``.
    """
    kinds = _kinds(cluster, final)
    if of:
        kinds += (*missing_references(cluster, of=of), *unresolved(cluster, of), *idle_rules(final or cluster, of))
    remarks = undecided(cluster, final or cluster)
    if asked and NO_NODES not in remarks and not (final or cluster).objects("Node"):
        remarks = (NO_NODES, *remarks)
    return Lacking(remarks=remarks, notices=kinds)


def lacking_pods(cluster: Cluster) -> Lacking:
    """What an answer about connections does not know: pods that controllers count, labels of namespaces, and what could
    not be read.

    Args:
        cluster: as it was read.
    """
    hidden = [_HIDDEN[kind].partition(" ")[0] for kind in sorted(cluster.unread & _HIDDEN.keys())]
    remarks = [f"Not all is known of the cluster: {' and '.join(hidden)} could not be read."] if hidden else []
    return Lacking(remarks=tuple(remarks), notices=(*_unprinted_pods(cluster), *unlabelled_for_policies(cluster)))


def missing(cluster: Cluster, final: Cluster | None = None) -> tuple[Notice, ...]:
    """One notice for each kind of object that the input refers to and does not have, and for references to nothing.

    Args:
        cluster: as it was read.
        final: as its controllers leave it; None if they have not run.
    """
    rules = idle_rules(final or cluster)
    found = [*_kinds(cluster, final), *missing_references(cluster), *unresolved(cluster), *rules]
    return tuple(sorted(found, key=lambda notice: notice.order))


def _kinds(cluster: Cluster, final: Cluster | None) -> tuple[Notice, ...]:
    """One notice for each kind of object that the input refers to and does not have."""
    found = [
        *_stand_ins(cluster),
        *_unprinted_pods(cluster),
        *_nodes(cluster),
        *missing_owners(cluster),
        *missing_targets(cluster),
        *(taken_to_get_ready(cluster, final) if final is not None else ()),
        *_classes(cluster),
        *_volumes(cluster),
        *_quotas(cluster),
        *_storage_classes(final if final is not None else cluster),
        *unlabelled_for_pods(cluster, MAKERS),
    ]
    return tuple(sorted(found, key=lambda notice: notice.order))


def about(cluster: Cluster, pod: Object) -> tuple[Notice, ...]:
    """What is missing of the classes of a pod's claims."""
    volumes = (pod.document.get("spec") or {}).get("volumes") or ()
    names = {(each.get("persistentVolumeClaim") or {}).get("claimName") for each in volumes}
    claims = {f"{pod.namespace}/{name}" for name in names if name}
    return tuple(_storage_classes(cluster, claims)) if claims else ()


def makes_pods(cluster: Cluster) -> bool:
    """Whether there are pods, or objects that make some."""
    return any(cluster.objects(kind) for kind in ("Pod", *MAKERS))


def unprinted(cluster: Cluster) -> list[Object]:
    """The stand-ins for pods that controllers count and the input does not have."""
    noted = cluster.columns("Pod").having("metadata.annotations")
    return cluster.kept(
        "unprinted pods",
        lambda: sorted([pod for pod, _ in noted if stand_in_reason(pod.document)], key=lambda pod: pod.key),
    )


def outside_nodes(cluster: Cluster) -> list[str]:
    """The nodes on which pods of the cluster run and that the input does not have."""
    outside = set(nodes_of(cluster).values()) - cluster.objects("Node").keys() - {UNKNOWN_NODE}
    if not outside:
        return []
    pods, homes = cluster.objects("Pod"), nodes_of(cluster).items()
    return sorted({node for key, node in homes if node in outside and is_stored(pods[key].document)})


def _unprinted_pods(cluster: Cluster) -> Iterator[Notice]:
    pods = unprinted(cluster)
    if pods:
        owners: Counter[str] = Counter(_owner_of(cluster, pod) for pod in pods)
        told = [f"{number} of {owner}" for owner, number in sorted(owners.items())]
        message = (
            f"not in the input: pods ({some(told)}), which the status of their controllers counts; taken to be there, "
            f"on nodes that are not known (one that has just gone looks the same); {_get('Pod')} brings them"
        )
        yield _notice(message, pods[0], ("status",), len(pods))


def _owner_of(cluster: Cluster, pod: Object) -> str:
    """The controller whose status counts a pod: the Deployment where its ReplicaSets were not printed either."""
    owner = controller_reference(pod) or {}
    name = f"{owner.get('kind')} {pod.namespace}/{owner.get('name')}"
    found = cluster.get(str(owner.get("kind")), f"{pod.namespace}/{owner.get('name')}")
    above = controller_reference(found) if found is not None and is_nameless(found.document) else None
    return name if above is None else f"{above['kind']} {pod.namespace}/{above['name']}"


def _get(*kinds: str) -> str:
    """The command that brings all objects of some kinds."""
    return f"kubectl get {','.join(map(plural_of, kinds))} -A -o yaml"


def _notice(message: str, first: Object | None, path: tuple[str | int, ...], number: int) -> Notice:
    place = first.place(path) if first is not None else None
    return Notice(code="KL195", message=message, location=place, count=number)


def _stand_ins(cluster: Cluster) -> Iterator[Notice]:
    made: dict[str, list[Object]] = defaultdict(list)
    for kind in ("ControllerRevision", "ReplicaSet", "ReplicationController"):
        for _, obj in sorted(cluster.objects(kind).items()):
            if stand_in_reason(obj.document):
                made[kind].append(obj)
    for kind, objects in made.items():
        first = objects[0]
        reason = stand_in_reason(first.document)
        whose = controller_reference(first) if kind == "ControllerRevision" or is_nameless(first.document) else None
        about = f"those of {whose['kind']} {first.namespace}/{whose['name']}" if whose else first.key
        hashed = HASH_LABEL in ((first.document.get("metadata") or {}).get("labels") or {})
        if kind == "ReplicaSet" and hashed and controller_reference(first) is None:
            brings = f"a Deployment makes them and undoes changes of them: {_get('Deployment', kind)} brings both"
        else:
            brings = f"{_get(kind)} brings them"
        message = f"not in the input: {plural_of(kind)} ({about}); assumed from {reason}; {brings}"
        yield _notice(message, first, ("metadata", "name"), len(objects))


def _nodes(cluster: Cluster) -> Iterator[Notice]:
    outside = outside_nodes(cluster)
    if not outside:
        return
    pods = [pod for _, pod in sorted(cluster.objects("Pod").items()) if node_of(pod) in set(outside)]
    run = "1 pod runs, which is left alone" if len(pods) == 1 else f"{len(pods)} pods run; these pods are left alone"
    message = f"not in the input: nodes {some(outside)}, on which {run}; kubectl get nodes -o yaml brings them"
    yield _notice(message, pods[0], ("spec", "nodeName"), len(outside))


def _classes(cluster: Cluster) -> Iterator[Notice]:
    for kind, field, built_in in (
        ("PriorityClass", "priorityClassName", frozenset(SYSTEM_PRIORITIES)),
        ("RuntimeClass", "runtimeClassName", frozenset[str]()),
    ):
        made = {name: obj for name, obj in sorted(cluster.objects(kind).items()) if stand_in_reason(obj.document)}
        guessed = [name for name, obj in made.items() if stand_in_reason(obj.document) == OF_NAME]
        if guessed:
            message = f"not in the input: {kind} {some(guessed)}; {_ASSUMED[kind]}; {_get(kind)} brings it"
            yield _notice(message, made[guessed[0]], (), len(guessed))
        users: dict[str, Object] = {}
        for pod, named in naming(cluster, field):
            name = str(named)
            if name not in built_in and (name in made or cluster.get(kind, name) is None):
                users.setdefault(name, pod)
        if users:
            names = sorted(users)
            message = (
                f"not in the input: {kind} {some(names)}; what its pods say of themselves is taken; "
                f"{_get(kind)} brings it"
            )
            yield _notice(message, users[names[0]], ("spec", field), len(names))


def _volumes(cluster: Cluster) -> Iterator[Notice]:
    volumes, claims = cluster.objects("PersistentVolume"), cluster.objects("PersistentVolumeClaim")
    bound = [
        (str(name), claim)
        for _, claim in sorted(claims.items())
        if (name := (claim.document.get("spec") or {}).get("volumeName"))
        and (name not in volumes or stand_in_reason(volumes[name].document))
        and not stand_in_reason(claim.document)
        and (claim.document.get("status") or {}).get("phase") != "Lost"
    ]
    if bound:
        message = (
            f"not in the input: PersistentVolume {some([name for name, _ in bound])}; running pods keep it, but which "
            f"nodes can attach it is not known; {_get('PersistentVolume')} brings it"
        )
        yield _notice(message, bound[0][1], ("spec", "volumeName"), len(bound))
    lacking: dict[str, Object] = {}
    for pod, mounted in naming(cluster, "volumes"):
        for volume in mounted:
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            claim = claims.get(f"{pod.namespace}/{name}")
            if name and (claim is None or stand_in_reason(claim.document)):
                lacking.setdefault(f"{pod.namespace}/{name}", pod)
    for key, claim in sorted(claims.items()):
        if stand_in_reason(claim.document):
            lacking.setdefault(key, claim)
    if lacking:
        names = sorted(lacking)
        message = f"not in the input: PersistentVolumeClaim {some(names)}; {_get('PersistentVolumeClaim')} brings it"
        yield _notice(message, lacking[names[0]], ("spec", "volumes"), len(names))


def _quotas(cluster: Cluster) -> Iterator[Notice]:
    beyond = unprinted_use(cluster)
    by_quota: dict[str, list[str]] = defaultdict(list)
    for (quota, resource), amount in sorted(beyond.items()):
        by_quota[quota].append(f"{amount / unit(resource):g} of {resource}")
    for key, told in by_quota.items():
        message = (
            f"not in the input: objects that use {some(told)} under ResourceQuota {key}, as its status says; taken to "
            f"be there; {_get('Pod')} brings pods"
        )
        yield _notice(message, cluster.objects("ResourceQuota")[key], ("status", "used"), len(told))


def _storage_classes(cluster: Cluster, only: Collection[str] | None = None) -> Iterator[Notice]:
    classes = cluster.objects("StorageClass")
    has_default = any(is_default_class(each.document) for each in classes.values())
    brings = "kubectl get storageclasses -o yaml brings those of the cluster"
    without: dict[str, Object] = {}
    unknown: dict[str, dict[str, Object]] = defaultdict(dict)
    for key, claim in sorted(cluster.objects("PersistentVolumeClaim").items()):
        spec = claim.document.get("spec") or {}
        name = named_class(claim.document)
        if spec.get("volumeName") or name == "" or (only is not None and key not in only):
            continue
        if name is None and not has_default:
            without[key] = claim
        elif name and name not in classes:
            unknown[str(name)][key] = claim
    if without:
        keys = list(without)
        message = (
            f"claim {some(keys)} names no class, and no StorageClass in the input is the default one, so no volume is "
            f"made for it here; {brings}, and --set default_storage_class=NAME names it"
        )
        yield _notice(message, without[keys[0]], ("spec",), len(keys))
    for name, claims in sorted(unknown.items()):
        keys = list(claims)
        message = f"no StorageClass {name} is in the input, which claim {some(keys)} names; {brings}"
        yield _notice(message, claims[keys[0]], ("spec", "storageClassName"), len(keys))


def is_place_unsure(cluster: Cluster, final: Cluster, pod: Object) -> bool:
    """Whether a pod that has got its node since the cluster was read might not have, for what the input lacks.

    Args:
        cluster: as it was read.
        final: as its controllers leave it.
        pod: a pod of ``final``.
    """
    old = cluster.get("Pod", pod.key)
    if not node_of(pod) or (old is not None and node_of(old) == node_of(pod)):
        return False
    return bool(unprinted(cluster) or _unknown_volumes(cluster, final, only=pod.key))


def _unknown_volumes(cluster: Cluster, final: Cluster, only: str = "") -> list[str]:
    """The claims of pods that have got a node since the cluster was read, whose volumes are stand-ins."""
    claims, volumes = final.objects("PersistentVolumeClaim"), cluster.objects("PersistentVolume")
    if not any(stand_in_reason(each.document) for each in volumes.values()):
        return []
    found: set[str] = set()
    for key, pod in final.objects("Pod").items():
        old = cluster.get("Pod", key)
        if (only and key != only) or not node_of(pod) or (old is not None and node_of(old) == node_of(pod)):
            continue
        for each in (pod.document.get("spec") or {}).get("volumes") or ():
            claim = f"{pod.namespace}/{(each.get('persistentVolumeClaim') or {}).get('claimName')}"
            volume = str((claims[claim].document.get("spec") or {}).get("volumeName") or "") if claim in claims else ""
            if volume in volumes and stand_in_reason(volumes[volume].document):
                found.add(claim)
    return sorted(found)


def undecided(cluster: Cluster, final: Cluster, gone: Iterable[str] = ()) -> tuple[str, ...]:
    """Why an answer that is good as far as it goes is none: remarks, the most important first; empty if it is one.

    Args:
        cluster: as it was read.
        final: as its controllers leave it.
        gone: the pods that are gone at the end.
    """
    remarks = []
    outside = outside_nodes(cluster)
    if makes_pods(final) and not cluster.objects("Node") and not final.objects("Node"):
        remarks.append(NO_NODES)
    elif outside:
        nodes = "1 node on which pods run is" if len(outside) == 1 else f"{len(outside)} nodes on which pods run are"
        remarks.append(f"{nodes} not in the input; those pods are left alone.")
    remarks += named_in_vain(cluster, final)
    if hidden := [_HIDDEN[kind] for kind in sorted(cluster.unread & _HIDDEN.keys())]:
        remarks.append(f"Not all is known of the cluster: {' and '.join(hidden)} could not be read.")
    if number := len(unprinted(cluster)):
        are = "pod that a controller counts is" if number == 1 else "pods that controllers count are"
        run = "it runs and what room it takes" if number == 1 else "they run and what room they take"
        remarks.append(f"{number} {are} not in the input: where {run} is not known.")
    used = _unknown_volumes(cluster, final)
    claims = cluster.objects("PersistentVolumeClaim")
    guessed = [key for key in used if key in claims and stand_in_reason(claims[key].document).endswith(ONLY_NAMED)]
    others = [key for key in used if key not in guessed]
    for keys, what, kind in (
        (guessed, "Whether claim {} is bound, and which nodes can use its volume, is", "PersistentVolumeClaims"),
        (others, "Which nodes can use the volume of claim {} is", "PersistentVolumes"),
    ):
        if keys:
            remarks.append(f"{what.format(some(keys))} not known: {kind} are not in the input.")
    return (*remarks, *made_anew(cluster, gone))
