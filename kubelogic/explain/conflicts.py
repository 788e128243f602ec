"""A solver's core as things that a person wrote and can edit: what it says, which object says it, and where."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import owner_with_origin, workload
from kubelogic.explain.assumption_words import attached, beside, is_demanded, witnessed
from kubelogic.explain.blockers import Blocker, absent_hosts
from kubelogic.explain.capacity_words import capacity_words, reserved_words
from kubelogic.explain.filters import Relations, fields
from kubelogic.explain.near_volumes import near_words, users_words, where_words
from kubelogic.explain.parties import (
    Party,
    attaching,
    elsewhere,
    holders,
    marks,
    no_template,
    nodes_there,
    places,
    replicas,
    sources_of,
    surge,
)
from kubelogic.explain.passing import passing
from kubelogic.explain.units import amount
from kubelogic.explain.verdicts import Standing
from kubelogic.facts.filters import filters
from kubelogic.facts.storage import named_class
from kubelogic.kinds import quantity
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem
from kubelogic.text import Location
from kubelogic.text.location import Path


class ConflictMember(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of those that cannot hold together. ``object`` and ``location`` say who says so, if a file does."""

    text: str
    object: str
    location: Location | None


_RULES = frozenset({"anti_affinity", "spread", "affinity", "port", "exclusive", "node_names"})
"""Kinds of assumptions that contradict nothing alone."""


def conflict_members(
    cluster: Cluster,
    relations: Relations,
    problem: Problem,
    core: Sequence[Assumption],
    *,
    pod: Object,
    blockers: Sequence[Blocker] = (),
) -> tuple[ConflictMember, ...]:
    """The members of a core, in its order, and the parties that it leaves unsaid: replicas, places, who is there.

    Args:
        cluster: the objects.
        relations: derived for at least ``filters.goals``.
        problem: the problem that the core is about.
        core: the assumptions that cannot hold together.
        pod: the pod that is asked about; what is said of its shape is said of its workload.
        blockers: what is in its way.
    """
    members = [_member(cluster, relations, problem, each, core=core, pod=pod, blockers=blockers) for each in core]
    kinds = {each.kind for each in core}
    unsaid: list[Party] = []
    if kinds & _RULES:
        if "count" not in kinds:
            unsaid += replicas(cluster, pod)
        unsaid += surge(cluster, pod)
        unsaid += places(cluster, problem, core)
        pinned = next((one.subjects[0].partition("@")[2] for one in core if one.kind == "node_names"), "")
        if len(members) + len(unsaid) < 3 and "spread" not in kinds:
            unsaid += holders(cluster, blockers, pinned)
    if "attach" in kinds:
        unsaid += attaching(cluster, pod, blockers)
    if len(members) + len(unsaid) == 1:
        filters_of = {one.predicate for one in filters(relations) if one.assumption == core[0].kind}
        unsaid += marks(cluster, [each for each in blockers if each.predicate in filters_of])
        if not unsaid and len(core[0].subjects) > 1:
            unsaid += nodes_there(cluster, problem)
    for text, obj, path in unsaid:
        members.append(_placed(text, obj, path))
    return tuple(dict.fromkeys(members))


def waits_for(
    cluster: Cluster,
    relations: Relations,
    pod: Object,
    blockers: Sequence[Blocker],
    standing: Standing,
    *,
    until: Callable[[Blocker], str],
) -> tuple[ConflictMember, ...]:
    """What a pod waits for that no choice of nodes can give: gates, claims, volumes, pods to be with, nodes.

    Args:
        cluster: the objects.
        relations: derived for at least ``filters.goals``.
        pod: a pod without a node.
        blockers: what is in its way.
        standing: the same, by what it rests on.
        until: when a passing rejection goes, in words.
    """
    said: dict[str, ConflictMember] = {}
    seen: set[tuple[str, str, str]] = set()
    about_pod = [blocker for blocker in blockers if not blocker.node]
    late = [] if about_pod else [b for b in blockers if "node" not in standing.grounds.get(b.node, frozenset({"node"}))]
    for blocker in (*about_pod, *late):
        claim = cluster.get("PersistentVolumeClaim", str(blocker.witness.get("Claim", "")))
        mark = blocker.predicate, blocker.gist, claim.key if claim is not None else ""
        if mark in seen or until(blocker):  # of thousands of nodes with the same words, one is looked at
            continue
        seen.add(mark)
        if claim is not None:
            member = _placed(_claim_text(cluster, blocker, claim), claim, ("metadata", "name"))
            if member.location is None:
                obj = owner_with_origin(cluster, pod)
                member = _placed(member.text, obj, _field(relations, obj, blocker))
        elif not blocker.node or blocker.predicate == "rejects_affinity":
            obj = owner_with_origin(cluster, pod)
            path = _field(relations, obj, blocker)
            text = blocker.gist
            if blocker.predicate == "rejects_affinity":
                text += elsewhere(cluster, pod)
            if blocker.predicate == "claim_awaited":
                text += no_template(cluster, pod, int(blocker.witness["Index"]))
            member = _placed(text, obj, path)
        else:
            continue
        said.setdefault(member.text, member)
    for text, node, place in passing(cluster, relations, standing.passing if not about_pod else (), until):
        said.setdefault(text, _placed(text, node, place))
    return tuple(said.values())


def _claim_text(cluster: Cluster, blocker: Blocker, claim: Object) -> str:
    """What is said of a claim, with the class of the volume that it waits for, and volumes that nearly are it."""
    wanted = named_class(claim.document)
    if blocker.predicate not in ("rejects_no_volume", "rejects_unbound_claim", "rejects_no_storage"):
        return f"{blocker.gist}{users_words(cluster, claim)}"
    kind = f"of class {wanted}" if wanted else "without a class"
    more = near_words(cluster, claim) + where_words(cluster, claim)
    return f"{claim.key} waits for a volume {kind}: {blocker.gist}{more}"


def _field(relations: Relations, obj: Object, blocker: Blocker) -> Path:
    """Where an object says what a blocker is about: of volumes, which one, as far as the blocker says."""
    path = _decisive(obj, fields(relations, blocker.predicate, "Pod"))
    return (*path, int(blocker.witness["Index"])) if path[-1] == "volumes" and "Index" in blocker.witness else path


def _member(
    cluster: Cluster,
    relations: Relations,
    problem: Problem,
    each: Assumption,
    *,
    core: Sequence[Assumption],
    pod: Object,
    blockers: Sequence[Blocker],
) -> ConflictMember:
    said = {str(row[0]): str(row[1]) for row in relations.rows("assumption_words")}
    about = [one.predicate for one in filters(relations) if one.assumption == each.kind]
    pod_paths, node_paths = ([path for name in about for path in fields(relations, name, of)] for of in _SIDES)
    on_node = each.kind in ("capacity", "attach") or bool(node_paths and not pod_paths)
    shape = next((str(row[1]) for row in relations.matching("pod_shape", {0: pod.key})), "")
    mine = bool(each.subjects) and each.subjects[0].partition("@")[0] == shape
    pinned = next((one.subjects[0].partition("@")[2] for one in core if one.kind == "node_names"), "")
    of_node = each.kind == "capacity" and len(each.subjects) > 1
    room, roomiest = capacity_words(problem, each, core) if of_node else ("", "")
    pinned = pinned or roomiest
    obj = _object(cluster, relations, each, pod if mine else None, on_node=on_node, pinned=pinned)
    subject = workload(cluster, pod).partition(" ")[2]
    named = {shape: subject} if shape and subject else {}
    asking = {
        (one.predicate, one.witness.get("Value"), one.witness.get("Requirement")): one
        for one in blockers
        if one.predicate in about
    }
    hosts = sorted({name for one in asking.values() for name in absent_hosts(relations, one.predicate, one.witness)})
    if hosts and mine and each.kind not in _OF_VOLUMES:
        text = f"pods of {subject} ask for the node {' or '.join(hosts)} by its label, and no such node is in the input"
    elif room:
        text = room
    elif each.kind == "attach":
        text = attached(problem, each) or _text(problem, each, named, said)
    elif each.kind in about or each.kind in _OF_VOLUMES:
        text = witnessed(relations, each, about, blockers if mine else ()) or _text(problem, each, named, said)
    else:
        text = beside(each, blockers, subject) if mine else ""
        text = text or _text(problem, each, named, said)
    if mine and is_demanded(relations, each, shape):
        text += ", as a rule demands"
    if each.kind == "capacity" and len(each.subjects) > 1 and obj is not None and obj.kind == "Node":
        text += reserved_words(problem, core, obj, each.subjects[1])
    if each.kind == "request":
        text += sources_of(cluster, pod, each.subjects[1]) if _base(each.subjects[0]) == _base(shape) else ""
    paths = node_paths if on_node else pod_paths
    return _placed(text, obj, _path(obj, each, paths, blockers) if obj is not None else ())


_SIDES = ("Pod", "Node")
_OF_VOLUMES = frozenset({"volume_node", "volume_zone"})
"""Kinds of assumptions that say of some volume what their filter says, which names it."""


def _placed(text: str, obj: Object | None, path: Path) -> ConflictMember:
    if obj is None:
        return ConflictMember(text=text, object="", location=None)
    return ConflictMember(text=text, object=str(obj), location=obj.place(path))


def _text(
    problem: Problem,
    each: Assumption,
    named: Mapping[str, str],
    said: Mapping[str, str],
) -> str:
    values = {"count": "", "amount": ""}
    if each.kind == "count":
        values["count"] = str(sum(pod.shape == each.subjects[0] for pod in problem.pods))
    if each.kind == "request":
        found = next((s.requests.get(each.subjects[1], 0) for s in problem.shapes if s.name == each.subjects[0]), 0)
        values["amount"] = amount(each.subjects[1], found)
    if each.kind == "node_names" and "@" in each.subjects[0]:
        subject, _, wanted = each.subjects[0].partition("@")
        there = any(node.name == wanted for node in problem.nodes)
        who = named.get(subject, _base(subject))
        return f"pods of {who} ask for the node {wanted} by its name" + (
            "" if there else ", and no such node is in the input"
        )
    kind = "place" if each.kind == "request" and each.subjects[1] == "pods" else each.kind
    template = said.get(kind, f"{each.kind} keeps pods of {{0}} from {{1}}")
    # The problem's names of shapes, ``shop/cart#2@n1``, are no names that a person knows.
    subjects = [named.get(subject.partition("@")[0], subject) for subject in each.subjects]
    subjects = [*(_base(subject) for subject in subjects), "", ""]
    return template.format(*subjects, **values)


def _base(name: str) -> str:
    """A shape's name without what tells it apart from others of its workload."""
    return name.partition("@")[0].partition("#")[0]


def _object(
    cluster: Cluster,
    relations: Relations,
    each: Assumption,
    asked: Object | None,
    *,
    on_node: bool,
    pinned: str = "",
) -> Object | None:
    """The object that a person would edit.

    ``asked`` is the pod to take of those that the assumption is about, ``pinned`` the node among those that are alike.
    """
    if asked is not None and not on_node:
        return owner_with_origin(cluster, asked)
    name = each.subjects[0] if each.subjects else ""
    if each.kind == "exclusive":
        return cluster.get("PersistentVolumeClaim", name.removeprefix("claim "))
    if on_node:
        wanted = name if each.kind in ("capacity", "attach") else each.subjects[-1]
        nodes = sorted(str(row[0]) for row in relations.matching("node_class", {1: wanted}))
        if pinned in nodes:
            return cluster.get("Node", pinned)
        return cluster.get("Node", wanted if cluster.get("Node", wanted) else (nodes[0] if nodes else ""))
    shape = name.partition("@")[0]
    pods = sorted(str(row[0]) for row in relations.matching("pod_shape", {1: shape}))
    pod = cluster.get("Pod", pods[0]) if pods else None
    return owner_with_origin(cluster, pod) if pod is not None else None


def _path(obj: Object, each: Assumption, paths: Sequence[Path], blockers: Sequence[Blocker]) -> Path:
    if obj.kind == "Node":
        return paths[0] if paths else ("status", "allocatable", each.subjects[-1])
    if each.kind == "exclusive":
        return ("spec", "accessModes")
    if each.kind == "count":
        return ("metadata", "name") if obj.kind == "Pod" else ("spec", "replicas")
    base = _pod_spec(obj)
    spec: Any = obj.document
    for step in base:
        spec = (spec or {}).get(step) or {}
    if each.kind == "request":
        asked = [(*base, *path) for path in _request_paths(spec, each.subjects[1])]
        return next((path for path in asked if obj.origin is not None and obj.origin.holds(path)), asked[0])
    if each.kind == "port":
        wanted = {one.witness["Port"] for one in blockers if one.predicate == "rejects_port"}
        return next(((*base, *path) for path in _port_paths(spec, wanted)), _decisive(obj, paths))
    if each.kind == "spread":
        for index, constraint in enumerate((spec or {}).get("topologySpreadConstraints") or ()):
            hard = constraint.get("whenUnsatisfiable") != "ScheduleAnyway"
            if hard and constraint.get("topologyKey") == each.subjects[1]:
                return (*base, "topologySpreadConstraints", index)
    return _decisive(obj, paths)


def _decisive(obj: Object, paths: Sequence[Path]) -> Path:
    """Where an object has the first of some fields of a pod that it has at all; the last one if none is there."""
    base = _pod_spec(obj)
    found = base
    for path in paths:
        found = (*base, *path[1:]) if path[0] == "spec" else (*base[:-1], *path)
        value: Any = obj.document
        for step in found:
            value = (value or {}).get(step)
        if value:
            break
    return found


def _pod_spec(obj: Object) -> Path:
    spec = obj.document.get("spec") or {}
    if obj.kind == "CronJob":
        return ("spec", "jobTemplate", "spec", "template", "spec")
    return ("spec", "template", "spec") if "template" in spec else ("spec",)


def _request_paths(spec: Mapping[str, Any], resource: str) -> Sequence[Path]:
    """Where a spec may ask for the most of a resource: a request, or the limit that it defaults to.

    That is the pod as a whole if it asks, and an init container only if it asks for more than all others together.
    """
    whole = spec.get("resources") or {}
    if found := [("resources", part, resource) for part in _PARTS if resource in (whole.get(part) or {})]:
        return found
    asked: list[tuple[int, str, int]] = []
    for group in _GROUPS:
        for index, container in enumerate(spec.get(group) or ()):
            held = container.get("resources") or {}
            values = [held[part][resource] for part in _PARTS if resource in (held.get(part) or {})]
            asked += [(quantity.amount(resource, value), group, index) for value in values[:1]]
    main = [each for each in asked if each[1] == "containers"]
    init = [each for each in asked if each[1] == "initContainers"]
    peak = max((each[0] for each in init), default=0)
    chosen = main if main and peak <= sum(each[0] for each in main) else init or main
    if not chosen:
        return [("containers",)]
    _, group, index = max(chosen, key=lambda each: each[0])
    return [(group, index, "resources", part, resource) for part in _PARTS]


_PARTS = ("requests", "limits")
_GROUPS = ("containers", "initContainers")


def _port_paths(spec: Mapping[str, Any], wanted: Collection[object]) -> Iterator[Path]:
    """Where a spec asks for some ports of its node."""
    for group in _GROUPS:
        for i, container in enumerate(spec.get(group) or ()):
            for j, port in enumerate(container.get("ports") or ()):
                if port.get("hostPort") in wanted:
                    yield (group, i, "ports", j, "hostPort")
