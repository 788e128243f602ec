"""Several changes at once, where one or two are too few: something against each thing that bars one node, or a new one.

Proposals about all nodes at once pair badly: a pod that is short of room on one node, does not tolerate the second and
is kept out of the third needs three changes for any of them. So each node is looked at by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from kubelogic.explain.proposals.case import Candidate, Case
from kubelogic.explain.proposals.new_nodes import more_nodes
from kubelogic.explain.proposals.nodes import is_leaving
from kubelogic.explain.proposals.registry import PROPOSALS, proposal
from kubelogic.explain.proposals.workloads import fewer_replicas

_ALL_OF_THEM = frozenset({"selector", "spread", "toleration"})
"""Kinds of which every change is needed: each taint, each label, each constraint bars by itself."""

_NODES, _CHOICES, _WAYS = 4, 2, 3
"""Nodes that are looked at, choices for each thing that bars, and ways for each node, at most."""

Cover = tuple[Candidate, ...]


def covers(case: Case) -> Iterator[Cover]:
    """Changes that together leave nothing that bars some node, of the node with the fewest of them first."""
    everywhere = [blocker for blocker in case.blockers if not blocker.node]
    seen: set[tuple[str, ...]] = set()
    for cover in (*_of_new_nodes(case, everywhere), *_of_nodes(case)):
        names = tuple(sorted(each.summary for each in cover))
        if len(cover) > 1 and names not in seen:
            seen.add(names)
            yield cover


def _of_nodes(case: Case) -> Iterator[Cover]:
    names = sorted((name for name, _ in case.nodes() if not is_leaving(case, name)), key=lambda n: (len(case.on(n)), n))
    for name in names[:_NODES]:
        yield from _ways(replace(case, blockers=case.on(name)))


def _of_new_nodes(case: Case, everywhere: Sequence[object]) -> Iterator[Cover]:
    """What bars on every node taken away, and a node added."""
    if not everywhere:
        return
    about_pod = replace(case, blockers=[blocker for blocker in case.blockers if not blocker.node])
    nodes = list(more_nodes(replace(case, blockers=[blocker for blocker in case.blockers if blocker.node])))
    enough = [each for each in nodes if each.summary.startswith(f"add {case.missing} ")]
    for way in _ways(about_pod):
        for node in (*enough[:1], *nodes[:1]):
            yield (*way, node)


def _ways(case: Case) -> Iterator[Cover]:
    """The cheapest ways to do something against every predicate that bars; none if there is nothing against one."""
    choices: list[list[Cover]] = []
    for predicate in sorted({blocker.predicate for blocker in case.blockers}):
        found = list(_against(case, predicate))
        if not found:
            return
        choices.append(found[:_CHOICES])
    ways = (_joined(way) for way in itertools.product(*choices))
    plain = sorted(filter(None, ways), key=lambda way: (sum(each.cost for each in way), [c.summary for c in way]))
    for way in plain[:_WAYS]:
        yield way
    for way in plain[:1]:
        for fewer in fewer_replicas(case):
            yield (*way, fewer)


def _against(case: Case, predicate: str) -> Iterator[Cover]:
    """What is proposed against one predicate, the cheapest first: all of a kind of which all are needed, else one."""
    proposed = [each for name in PROPOSALS.get(predicate, ()) for each in proposal(name)(case)]
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for each in proposed:
        key = (each.kind, "") if each.kind in _ALL_OF_THEM else (each.kind, each.summary)
        groups.setdefault(key, []).append(each)
    yield from sorted(
        (tuple(group) for group in groups.values()),
        key=lambda group: (sum(each.cost for each in group), group[0].summary),
    )


def _joined(parts: Sequence[Cover]) -> Cover:
    """The changes of all parts, each once; nothing if two of them change one object, or ask for two sizes."""
    found = {each.summary: each for part in parts for each in part}
    targets: set[tuple[str, str]] = set()
    for each in found.values():
        mine = {(target.kind, target.key) for change in each.changes if (target := getattr(change, "target", None))}
        if not targets.isdisjoint(mine):
            return ()
        targets |= mine
    sizes = sum(each.kind == "request" for each in found.values())
    return tuple(found.values()) if sizes < 2 else ()
