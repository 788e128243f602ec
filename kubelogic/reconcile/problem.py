"""Derived relations to the placement problem: the one road from rules to schedulers.

It reads one relation after the other, and is as long as there are relations to read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.facts.base import uncollected
from kubelogic.facts.filters import BEFORE, filters
from kubelogic.logic import Changes, Row, Value
from kubelogic.placement.amounts import AmountError, within_64_bits
from kubelogic.placement.problem import (
    Affinity,
    Budget,
    Claim,
    Denial,
    Filter,
    Group,
    Node,
    Pod,
    Preference,
    Problem,
    Reach,
    Scorer,
    Shape,
    SoftAffinity,
    SoftSpread,
    Spread,
    Volume,
)
from kubelogic.reconcile.problem_devices import DeviceReader
from kubelogic.reconcile.problem_nodes import NODE_READS, Nodes
from kubelogic.reconcile.problem_pods import POD_READS, Applicant, Pods
from kubelogic.reconcile.problem_reads import GOALS, Relations, number, text
from kubelogic.reconcile.problem_shapes import SHAPE_READS, Shapes, profile_of
from kubelogic.text.location import Fault, InputError, Location

__all__ = ["GOALS", "Problems", "Relations", "number", "problem", "text"]


def problem(relations: Relations) -> Problem:
    """The placement problem of the waiting pods.

    Pods that gates hold back and pods of other schedulers take no part. A pod that may only go to one node by
    name (a DaemonSet's) gets a shape of its own, ``shape@node``, while it waits.

    Args:
        relations: derived from the facts of a cluster, for at least ``GOALS``.
    """
    found = Problems(relations)
    found.note(Changes(added={name: relations.rows(name) for name in POD_READS | NODE_READS}))
    return found.read()


class Problems:
    """The placement problems of relations that change: pods and nodes are read again only where they changed."""

    def __init__(self, relations: Relations) -> None:
        """Start with relations that are empty; ``note`` has to hear of everything that comes into them.

        Args:
            relations: for at least ``GOALS``, once it comes to reading.
        """
        self._relations = relations
        self._pods = Pods()
        self._nodes = Nodes()
        self._shapes = Shapes()
        self._last: Problem | None = None
        self._before: Problem | None = None
        self._begun = self._stirred = False

    def note(self, changes: Changes) -> None:
        """Take over what an update of the relations changed."""
        changed = changes.added.keys() | changes.removed.keys()
        if not changed.isdisjoint(_READS):
            self._last = None
        if not changed.isdisjoint(_STIRRING):
            self._stirred = True
        if not changed.isdisjoint(NODE_READS):
            self._nodes.note(changes)
        if not changed.isdisjoint(SHAPE_READS):
            self._shapes.note(changes)
        if not changed.isdisjoint(POD_READS):
            self._pods.note(changes)
        if not self._begun:
            # There may be much at first, and a while until a pod waits: that tick should not have to make it all.
            self._begun = True
            self._pods.renew()
            self._nodes.read(self._relations)

    def stirred(self) -> bool:
        """Whether anything changed, since this was last asked, by which another pod may get a node."""
        was, self._stirred = self._stirred, False
        return was

    def read(self) -> Problem:
        """What ``problem`` would make of the relations."""
        if self._last is None:
            with uncollected():
                pods, applicants = self._pods.read()
                builder = _Builder(self._relations, applicants)
                shapes = self._shapes.read(self._relations, applicants)
                found = builder.problem(self._nodes.read(self._relations), shapes, pods)
                names = ([each.name for each in listed] for listed in (found.nodes, found.shapes))
                self._last = self._before = found.knowing(*self._pods.places(*names), self._before)
        return self._last


_READS = frozenset(GOALS)
_STIRRING = _READS - {"pod_started"}

BY_USE = frozenset({"least_allocated", "most_allocated", "requested_to_capacity"})
"""What scorers read that go by the use of resources."""


class _Builder:
    def __init__(self, relations: Relations, applicants: tuple[Applicant, ...]) -> None:
        self._relations = relations
        self._class_of = self.lookup("node_class")
        self._classes = sorted(text(row[0]) for row in self.rows("is_node_class"))
        self._table = filters(self._relations)
        self._considered = {text(row[0]) for row in self.rows("considered")}
        self._applicants = applicants
        self._of_class: dict[str, set[str]] = defaultdict(set)
        self._scoring: dict[str, set[str]] | None = None
        self._profiles: dict[str, str] = {}
        self._reaches: dict[frozenset[str], Reach] = {}
        self._names: dict[str, list[str]] = defaultdict(list)
        for applicant in self._applicants:
            self._names[applicant.shape].append(applicant.name)

    # -- reading relations ---------------------------------------------------------------------------------

    def rows(self, predicate: str) -> list[Row]:
        return sorted(self._relations.rows(predicate))

    def lookup(self, predicate: str) -> dict[str, Any]:
        """The first column to the second, in no order."""
        return {text(row[0]): row[1] for row in self._relations.rows(predicate)}

    def pairs(self, predicate: str) -> Iterator[tuple[str, Any]]:
        return ((text(row[0]), row[1]) for row in self.rows(predicate))

    def amounts(self, predicate: str) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for owner, name, amount in self.rows(predicate):
            found[text(owner)][text(name)] = number(amount)
        return found

    def grouped(self, predicate: str, *, key: int = 1) -> dict[Any, list[Row]]:
        """The rows of a predicate by their first ``key`` columns."""
        found: dict[Any, list[Row]] = defaultdict(list)
        for row in self.rows(predicate):
            found[row[0] if key == 1 else row[:key]].append(row[key:])
        return found

    def every_name(self, shapes: Iterable[Value]) -> frozenset[str]:
        """The problem's names for some shapes."""
        return frozenset(name for shape in shapes for name in self._names.get(text(shape), ()))

    def problem(self, nodes: tuple[Node, ...], shapes: tuple[Shape, ...], pods: tuple[Pod, ...]) -> Problem:
        self._profiles = {shape.name: shape.profile for shape in shapes}
        volumes, claims = self._volumes()
        allowed, denials = self._allowed()
        reader = DeviceReader(self._relations, self._members, frozenset(self._class_of))
        found = Problem(
            nodes=nodes,
            shapes=shapes,
            pods=reader.waiting(pods),
            devices=reader.devices(),
            allowed=allowed,
            affinities=tuple(self._affinities()),
            spreads=tuple(self._spreads()),
            volumes=volumes,
            claims=claims,
            budgets=tuple(Budget(name=name, allowed=count) for name, count in self.pairs("budget_left")),
            scorers=tuple(self._scorers()),
            preferences=tuple(self._preferences()),
            soft_spreads=tuple(self._soft_spreads()),
            soft_affinities=tuple(self._soft_affinities()),
            denials=denials,
            filters=tuple(self._filters()),
            **self._grouping(),
            **self._candidates(),
        )
        try:
            return within_64_bits(found)
        except AmountError as error:
            holder = next((n.name for n in nodes if n.allocatable.get(error.resource) == error.amount), "")
            whose = f"Node {holder}" if holder else "a pod"
            raise InputError([Fault(location=Location(file=whose), code="KL113", message=str(error))]) from error

    def _grouping(self) -> dict[str, Any]:
        """The groups of pods, and how the one-by-one scheduler deals with them."""
        priority = dict(self.pairs("group_priority"))
        least, key = dict(self.pairs("pod_group_min_count")), dict(self.pairs("group_confined"))
        constrained, whole, never = (
            {text(row[0]) for row in self.rows(name)}
            for name in ("pod_group_constrained", "pod_group_disrupted_whole", "pod_group_never_preempts")
        )
        groups = tuple(
            Group(
                name=name,
                priority=number(priority.get(name, 0)),
                least=number(least.get(name, 0)),
                key=text(key.get(name, "")),
                constrained=name in constrained,
                whole=name in whole,
                preempts=name not in never,
            )
            for name in sorted(text(row[0]) for row in self.rows("pod_group"))
        )
        if not groups:
            return {}
        switches = {text(name): value for name, value in self.rows("parameter")}
        return {
            "groups": groups,
            "by_placements": switches.get("topology_aware_workload_scheduling") == 1,
            "as_groups": switches.get("workload_aware_preemption") == 1,
        }

    def _members(self, node_class: str) -> frozenset[str]:
        if not self._of_class:
            for node, name in self._class_of.items():
                self._of_class[name].add(node)
        return frozenset(self._of_class[node_class])

    # -- where shapes may go -------------------------------------------------------------------------------

    def _filters(self) -> Iterator[Filter]:
        """The places and names of what placement keeps to by itself; of several reasons of a kind, the first one's."""
        found: dict[str, Filter] = {}
        for each in self._table:
            if each.kind:
                found.setdefault(each.kind, Filter(kind=each.kind, stage=each.stage, name=each.plugin))
        for place, plugin, kind in self.rows("searched"):
            found[text(kind)] = Filter(kind=text(kind), stage=number(place), name=text(plugin))
        return iter(found.values())

    def _allowed(self) -> tuple[dict[str, Reach], tuple[Denial, ...]]:
        denied = self._denied()
        blocked = {text(row[0]) for row in self.rows("denied_everywhere")}
        everywhere = Reach(node_classes=frozenset(self._classes))
        members: dict[str, set[str]] = defaultdict(set)
        for node, node_class in self._class_of.items():
            members[node_class].add(node)
        allowed: dict[str, Reach] = {}
        denials: list[Denial] = []
        for applicant in self._applicants:
            name, shape = applicant.name, applicant.shape
            if shape not in self._considered:
                allowed[name] = everywhere
                continue
            bad = denied.get(shape, {})
            denials += (msgspec.structs.replace(bad[reason], shape=name) for reason in sorted(bad))
            good = everywhere.node_classes.difference(*(denial.reach.node_classes for denial in bad.values()))
            if shape in blocked:
                good = frozenset()
                denials.append(Denial(shape=name, reason="before_filters", reach=everywhere, stage=BEFORE))
            out = frozenset(node for denial in bad.values() for node in denial.reach.nodes)
            allowed[name] = _less(good, out, self._class_of, members) if out else Reach(node_classes=good)
            if applicant.node:
                denials.append(self._pinned(applicant, everywhere))
                fits = self._class_of.get(applicant.node) in good and applicant.node not in out
                allowed[name] = Reach(nodes=frozenset({applicant.node} if fits else ()))
        return allowed, tuple(denials)

    def _denied(self) -> dict[str, dict[str, Denial]]:
        """What keeps each shape from classes of nodes and from single ones for good, by what conflicts call it."""
        table = {each.predicate: each for each in self._table}
        classes: dict[tuple[str, str], set[str]] = defaultdict(set)
        nodes: dict[tuple[str, str], set[str]] = defaultdict(set)
        first: dict[str, str] = {}
        for relation, found in (("denied_class", classes), ("denied_node", nodes)):
            for shape, place, predicate in self.rows(relation):
                reason = table[text(predicate)].assumption
                found[text(shape), reason].add(text(place))
        for each in table.values():
            first.setdefault(each.assumption, each.predicate)
        denied: dict[str, dict[str, Denial]] = defaultdict(dict)
        for shape, reason in sorted({*classes, *nodes}):
            each = table[first[reason]]
            denied[shape][reason] = Denial(
                shape=shape,
                reason=reason,
                reach=Reach(
                    node_classes=frozenset(classes.get((shape, reason), ())),
                    nodes=frozenset(nodes.get((shape, reason), ())),
                ),
                stage=each.stage,
                filter=each.plugin,
                resolvable=each.helps,
            )
        return denied

    def _pinned(self, applicant: Applicant, everywhere: Reach) -> Denial:
        """That a pod may only go to one node by its name, as the filter says that asks for names first."""
        each = next(each for each in self._table if each.scope == "before")
        reach = msgspec.structs.replace(everywhere, left_out=frozenset({applicant.node}))
        return Denial(shape=applicant.name, reason=each.assumption, reach=reach, stage=each.stage, filter=each.plugin)

    def _reach(self, classes: Iterable[str]) -> Reach:
        """The nodes of some classes: one object for all who may go there, so that it is looked up at once."""
        found = frozenset(classes)
        return self._reaches.setdefault(found, Reach(node_classes=found))

    # -- other pods ----------------------------------------------------------------------------------------

    def _affinities(self) -> Iterator[Affinity]:
        companions = self.grouped("companion")
        for shape, index_rows in self.grouped("shape_affinity").items():
            if shape not in self._considered:
                continue
            found = [row[0] for row in companions.get(shape, ())]
            matches = self.every_name(found)
            for _, _, key in index_rows:
                for name in self._names.get(shape, ()):
                    yield Affinity(owner=name, key=text(key), matches=matches, self_satisfied=shape in found)
        avoided: dict[tuple[Value, Value], set[Value]] = defaultdict(set)
        for shape, key, other in self.rows("avoids"):
            if shape in self._considered or other in self._considered:
                avoided[shape, key].add(other)
        for shape, _, _, key in self.rows("shape_anti_affinity"):
            if shape in self._considered:
                avoided.setdefault((shape, key), set())
        for (shape, key), others in sorted(avoided.items()):
            matches = self.every_name(others)
            for name in self._names.get(text(shape), ()):
                yield Affinity(owner=name, key=text(key), matches=matches, anti=True)

    def _spreads(self) -> Iterator[Spread]:
        members, eligible = self.grouped("spreads_among"), self.grouped("spread_eligible", key=2)
        selected = self.grouped("selects")
        for shape, index, group, key, max_skew, min_domains in self.rows("shape_spread"):
            if shape not in self._considered:
                continue
            matches = self.every_name(row[0] for row in members.get(group, ()))
            reach = self._reach(text(row[0]) for row in eligible.get((shape, index), ()))
            for name in self._names.get(text(shape), ()):
                yield Spread(
                    owner=name,
                    key=text(key),
                    max_skew=number(max_skew),
                    matches=matches,
                    eligible=reach,
                    min_domains=number(min_domains),
                    counts_self=(shape,) in selected.get(group, ()),
                )

    # -- volumes -------------------------------------------------------------------------------------------

    def _volumes(self) -> tuple[tuple[Volume, ...], tuple[Claim, ...]]:
        usable = self.grouped("volume_usable")
        capacity = dict(self.pairs("volume_capacity"))
        candidates = self.grouped("candidate")
        provisions, room = self.grouped("provisions"), self.grouped("has_storage")
        counted = {row[0] for row in self.rows("counted_storage")}
        selected = dict(self.pairs("claim_selected_node"))
        class_of = dict(self.pairs("claim_class"))
        confined = self._confining_keys()
        claims: list[Claim] = []
        volumes: dict[str, Volume] = {}
        for name in sorted({text(row[1]) for row in self.rows("waiting_claim")}):
            found = sorted((text(row[0]) for row in candidates.get(name, ())), key=lambda v: (capacity[v], v))
            for volume in found:
                reach = self._reach(text(row[0]) for row in usable.get(volume, ()))
                volumes.setdefault(volume, Volume(name=volume, reach=reach))
            classes = {text(row[0]) for row in provisions.get(name, ())}
            if name in counted:
                classes &= {text(row[0]) for row in room.get(name, ())}
            made = self._reach(classes)
            if name in selected:
                node = selected[name]
                made = Reach(nodes=frozenset({node} if self._class_of.get(node) in classes else ()))
            claims.append(
                Claim(
                    name=name,
                    volumes=tuple(found),
                    provisions=made,
                    confines=confined.get(text(class_of.get(name, "")), ""),
                )
            )
        return tuple(volumes[name] for name in sorted(volumes)), tuple(claims)

    def _confining_keys(self) -> dict[str, str]:
        """For storage classes with allowed topologies, the label that a new volume is tied to."""
        keys = {row[0]: text(row[1]) for row in self.rows("requirement")}
        by_term = self.grouped("term_requirement")
        found: dict[str, str] = {}
        for name, term in self.pairs("class_topology_term"):
            for (requirement,) in by_term.get(term, ()):
                found.setdefault(name, keys[requirement])
        return found

    # -- wishes --------------------------------------------------------------------------------------------

    def _candidates(self) -> dict[str, Any]:
        """In how many nodes kube-scheduler looks for room by preemption."""
        found = {text(name): number(value) for name, value in self.rows("parameter")}
        names = {
            "candidates_least": "preemption_candidates_least",
            "candidates_percent": "preemption_candidates_percent",
        }
        return {name: found[parameter] for name, parameter in names.items() if parameter in found}

    def _scorers(self) -> Iterator[Scorer]:
        optional = frozenset(text(row[0]) for row in self.rows("requested_only"))
        used, balanced, points = (self.grouped(name) for name in ("fit_resource", "balanced_resource", "fit_point"))
        for profile, _, name, weight, kind, normalize, always in self.rows("scorer"):
            counted = used.get(profile, ()) if kind in BY_USE else ()
            balance = balanced.get(profile, ()) if kind == "balanced_allocation" else ()
            resources = tuple(text(row[1]) for row in (*counted, *balance))
            weights = tuple(number(row[2]) for row in counted)
            shares = points.get(profile, ()) if kind == "requested_to_capacity" else ()
            yield Scorer(
                name=text(name),
                weight=number(weight),
                kind=kind,  # type: ignore[arg-type]
                normalize=normalize,  # type: ignore[arg-type]
                resources=resources,
                weights=weights if set(weights) - {1} else (),
                optional=optional.intersection(resources),
                points=tuple((number(share), number(score)) for share, score in shares),
                always=always == "yes",
                profile=profile_of(text(profile)),
            )

    def _preferences(self) -> Iterator[Preference]:
        for preference in self._all_preferences():
            if self._scores(preference.shape, preference.scorer):
                yield preference

    def _scores(self, name: str, scorer: str) -> bool:
        """Whether a scorer, by its name or what it reads, scores for the pods of one of the problem's shapes."""
        if self._scoring is None:
            self._scoring = defaultdict(set)
            for row in self.rows("scorer"):
                self._scoring[profile_of(text(row[0]))] |= {text(row[2]), text(row[4])}
        return scorer in self._scoring.get(self._profiles[name], ())

    def _all_preferences(self) -> Iterator[Preference]:
        classes: dict[tuple[Value, ...], set[str]] = defaultdict(set)
        nodes: dict[tuple[Value, ...], set[str]] = defaultdict(set)
        for relation, granted in (("prefers", classes), ("prefers_node", nodes)):
            for scorer, shape, place, index, value in self.rows(relation):
                granted[shape, scorer, index, value].add(text(place))
        found = {wish[:2] for wish in (*classes, *nodes)}
        vain = {(shape, scorer, 0, 0) for scorer, shape in self.rows("wishes") if (shape, scorer) not in found}
        for shape, scorer, index, value in sorted({*classes, *nodes, *vain}):
            wish = shape, scorer, index, value
            reach = Reach(node_classes=frozenset(classes.get(wish, ())), nodes=frozenset(nodes.get(wish, ())))
            for name in self._names.get(text(shape), ()):
                yield Preference(shape=name, scorer=text(scorer), value=number(value), reach=reach)

    def _soft_spreads(self) -> Iterator[SoftSpread]:
        return (wish for wish in self._all_soft_spreads() if self._scores(wish.owner, "soft_spread"))

    def _all_soft_spreads(self) -> Iterator[SoftSpread]:
        members, eligible = self.grouped("spreads_among"), self.grouped("soft_eligible", key=2)
        for shape, index, group, key, max_skew in self.rows("shape_soft_spread"):
            if shape not in self._considered:
                continue
            matches = self.every_name(row[0] for row in members.get(group, ()))
            reach = self._reach(text(row[0]) for row in eligible.get((shape, index), ()))
            for name in self._names.get(text(shape), ()):
                yield SoftSpread(
                    owner=name,
                    key=text(key),
                    max_skew=number(max_skew),
                    matches=matches,
                    eligible=reach,
                    per_node=key == "kubernetes.io/hostname",
                )
        counted, matching = self.grouped("default_counted"), self.grouped("default_eligible")
        built_in = [(shape, key, skew, matching.get(shape, ()), 0) for shape, key, skew in self.rows("default_spread")]
        listed = [
            (shape, key, skew, eligible.get((shape, index), ()), 1)
            for shape, index, key, skew in self.rows("listed_spread")
        ]
        for shape, key, max_skew, within, requires_keys in (*built_in, *listed):
            matches = self.every_name(row[0] for row in counted.get(shape, ()))
            reach = self._reach(text(row[0]) for row in within)
            for name in self._names.get(text(shape), ()):
                yield SoftSpread(
                    owner=name,
                    key=text(key),
                    max_skew=number(max_skew),
                    matches=matches,
                    eligible=reach,
                    requires_keys=bool(requires_keys),
                    per_node=key == "kubernetes.io/hostname",
                )

    def _soft_affinities(self) -> Iterator[SoftAffinity]:
        found: list[tuple[str, str, str, int]] = []
        for predicate in ("preferred_affinity", "preferred_affinity_of_placed", "required_affinity_of_placed"):
            found += [
                (text(shape), text(key), text(other), number(weight))
                for shape, key, other, _, weight in self.rows(predicate)
            ]
        totals: dict[tuple[str, str, str], int] = defaultdict(int)
        for shape, key, other, weight in found:
            totals[shape, key, other] += weight
        grouped: dict[tuple[str, str, int], set[str]] = defaultdict(set)
        for (shape, key, other), weight in totals.items():
            grouped[shape, key, weight].add(other)
        for (shape, key, weight), others in sorted(grouped.items()):
            neighbours = self.every_name(others)
            for name in self._names.get(shape, ()) if neighbours else ():
                if self._scores(name, "soft_affinity"):
                    yield SoftAffinity(shape=name, key=key, neighbours=neighbours, weight=weight)


def _less(
    classes: frozenset[str], out: frozenset[str], class_of: Mapping[str, str], members: Mapping[str, set[str]]
) -> Reach:
    """The nodes of some classes without some nodes: classes that lose none as such, of the others the nodes left."""
    torn = classes & {class_of[node] for node in out if node in class_of}
    left = {node for name in torn for node in members[name]} - out
    return Reach(node_classes=classes - torn, nodes=frozenset(left))
