"""The shapes of the placement problem, kept current from what changes in the relations that tell of shapes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import is_
from types import MappingProxyType
from typing import Any

from kubelogic.facts.filters import TABLES, filters
from kubelogic.logic import Changes, Row
from kubelogic.placement.problem import Exclusive, Shape
from kubelogic.reconcile.problem_pods import Applicant
from kubelogic.reconcile.problem_reads import Relations, number, text

_OF_SHAPES = frozenset(
    {
        "claim_turn",
        "moved_plugin",
        "never_evicts",
        "never_preempts",
        "scored_request",
        "scored_usage",
        "shape_attaches",
        "shape_claim",
        "shape_disk",
        "shape_ephemeral_claim",
        "shape_host_port",
        "shape_priority",
        "shape_request",
        "shape_scheduler",
        "unchecked_resource",
        "unfiltered",
    }
)
"""The predicates whose first column is a shape."""

_OF_CLAIMS = frozenset({"claim_access_mode", "waiting_claim"})
"""Not of a shape: what its claims mean."""

_OF_ALL = frozenset(TABLES)

SHAPE_READS = _OF_SHAPES | _OF_CLAIMS | _OF_ALL
"""The predicates that shapes are read from."""

DEFAULT = "default-scheduler"

_IGNORED: Mapping[str, str] = MappingProxyType(
    {
        "ports": "port",
        "exclusive": "exclusive_node",
        "attaches": "attach",
        "claims": "claim",
        "affinity": "affinity",
        "spread": "spread",
    }
)
"""The constraints that a shape ignores without the filter of a kind."""


def profile_of(scheduler: str) -> str:
    """The problem's name for the profile of a scheduler."""
    return "" if scheduler == DEFAULT else scheduler


class Shapes:
    """The shapes as the problem has them. Starts without any."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, Shape]] = {}
        self._stale: set[str] = set()
        self._claims_changed = False
        self._listed: tuple[Shape, ...] = ()

    def note(self, changes: Changes) -> None:
        """Take over what an update changed in the relations of ``SHAPE_READS``."""
        for rows in (changes.removed, changes.added):
            for predicate in _OF_SHAPES & rows.keys():
                self._stale.update(text(row[0]) for row in rows[predicate])
            self._claims_changed |= not _OF_CLAIMS.isdisjoint(rows)
            if not _OF_ALL.isdisjoint(rows):
                self._made.clear()

    def read(self, relations: Relations, applicants: Sequence[Applicant]) -> tuple[Shape, ...]:
        """A shape for each applicant; makes those anew of which anything changed. The same tuple if nothing did."""
        if self._claims_changed:
            self._stale.update(text(row[0]) for row in relations.rows("shape_claim"))
        known = {shape: made for shape, made in self._made.items() if shape not in self._stale}
        missing = [each for each in applicants if each.name not in known.get(each.shape, ())]
        if missing:
            for applicant, shape in zip(missing, _read(relations, missing), strict=True):
                known.setdefault(applicant.shape, {})[applicant.name] = shape
        listed = tuple([known[each.shape][each.name] for each in applicants])
        if len(listed) != len(self._listed) or not all(map(is_, listed, self._listed)):
            self._listed = listed
        self._made = {each.shape: known[each.shape] for each in applicants}
        self._stale.clear()
        self._claims_changed = False
        return self._listed


def _read(relations: Relations, applicants: Sequence[Applicant]) -> Iterator[Shape]:
    wanted = {each.shape for each in applicants}

    def rows(predicate: str) -> list[Row]:
        assert predicate in _OF_SHAPES, f"{predicate} would not be read again when it changes"
        return sorted(row for row in relations.rows(predicate) if row[0] in wanted)

    def grouped(predicate: str) -> dict[Any, list[Row]]:
        found: dict[Any, list[Row]] = defaultdict(list)
        for row in rows(predicate):
            found[row[0]].append(row[1:])
        return found

    def amounts(predicate: str) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for owner, name, amount in rows(predicate):
            found[text(owner)][text(name)] = number(amount)
        return found

    requests, scored, usage = (amounts(name) for name in ("shape_request", "scored_request", "scored_usage"))
    priority = {text(row[0]): number(row[1]) for row in rows("shape_priority")}
    never = {row[0] for predicate in ("never_preempts", "never_evicts") for row in rows(predicate)}
    scheduler = {text(row[0]): text(row[1]) for row in rows("shape_scheduler")}
    unchecked, moved = grouped("unchecked_resource"), grouped("moved_plugin")
    ports, disks = grouped("shape_host_port"), grouped("shape_disk")
    made = {(row[0], row[1]) for row in rows("shape_ephemeral_claim")}
    off = {(text(shape), text(plugin), text(point)) for shape, plugin, point in rows("unfiltered")}
    plugins = {each.kind: each.plugin for each in filters(relations)}
    claims, attaches = grouped("shape_claim"), grouped("shape_attaches")
    turn = {(shape, claim): number(place) for shape, claim, place in rows("claim_turn")}
    exclusive = {text(row[0]) for row in relations.rows("claim_access_mode") if row[1] == "ReadWriteOncePod"}
    waiting = {text(row[1]) for row in relations.rows("waiting_claim")}
    for applicant in applicants:
        shape = applicant.shape
        used = [text(row[0]) for row in claims.get(shape, ())]
        searching = sorted((turn.get((shape, name), 0), name) for name in waiting.intersection(used))
        tokens = [Exclusive(token=text(disk), shared=mode == "read") for disk, mode in disks.get(shape, ())]
        tokens += [
            Exclusive(token=f"claim {name}", scope="cluster")
            for name in used
            if name in exclusive and (shape, name) not in made
        ]
        yield Shape(
            name=applicant.name,
            priority=priority[shape],
            preempts=shape not in never,
            requests={name: n for name, n in requests.get(shape, {}).items() if n > 0},
            scored_requests=scored.get(shape, {}),
            scored_usage=usage.get(shape, {}),
            ports=tuple((text(ip), text(proto), number(port)) for ip, proto, port in ports.get(shape, ())),
            exclusive=tuple(dict.fromkeys(tokens)),
            attaches=tuple((text(driver), text(volume)) for driver, volume in attaches.get(shape, ())),
            claims=tuple(name for _, name in searching),
            unchecked=frozenset(text(row[0]) for row in unchecked.get(shape, ())),
            ignores=frozenset(name for name, kind in _IGNORED.items() if (shape, plugins[kind], "filter") in off),
            profile=profile_of(scheduler.get(shape, DEFAULT)),
            moved={text(name): number(place) for name, point, place in moved.get(shape, ()) if point == "filter"},
        )
