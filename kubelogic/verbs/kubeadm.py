"""Kubeadm: what stops it on which host, what its phases do, and the cluster that comes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from kubelogic.explain.units import some
from kubelogic.facts.base import Fact
from kubelogic.facts.hosts import cluster_facts, external_etcd, host_facts
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation, Row, Rulebook, Value
from kubelogic.verbs.hosts_file import Hosts

_GOALS = (
    "even_members",
    "finding_of",
    "finds",
    "hosts_share",
    "loses_quorum",
    "misses",
    "nobody_begins",
    "range_holds_host",
    "ranges_overlap",
    "runs_phase",
    "undecided",
    "upgrades_nothing",
)
_JOINED = {"unexpected kernel config: CONFIG_{}": " CONFIG_", "missing required cgroups: {}": " ",
           "missing optional cgroups: {}": " "}  # fmt: skip
"""Findings that kubeadm reports in one line for all things that are missing, and what stands between them."""


_UPGRADE_FIRST = (
    "give a host of it the role upgrade, with /etc/kubernetes/manifests/kube-apiserver.yaml among its files"
)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One line of preflight.

    Attributes:
        host: where.
        check: kubeadm's name for it, which ``--ignore-preflight-errors`` takes.
        severity: ``ERROR``, ``WARNING``, or ``UNKNOWN`` where the file does not say what the check needs.
        message: kubeadm's words; for ``UNKNOWN`` what is missing.
    """

    host: str
    check: str
    severity: str
    message: str


class Preflight(msgspec.Struct, frozen=True, kw_only=True):
    """What preflight says of all hosts.

    Attributes:
        hosts: their names and roles, in their order.
        found: lines by host.
        across: what no check of a single host sees, in words.
        unused: names given to be ignored that no finding has.
    """

    hosts: tuple[tuple[str, str], ...]
    found: tuple[Found, ...]
    across: tuple[str, ...]
    unused: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """``yes`` if kubeadm can go on everywhere, ``no`` if something stops it, ``unknown`` if that is not known."""
        if self.across or any(each.severity == "ERROR" for each in self.found):
            return "no"
        return "unknown" if any(each.severity == "UNKNOWN" for each in self.found) else "yes"


class Phases(msgspec.Struct, frozen=True, kw_only=True):
    """What phases run on which host, and which cannot.

    Attributes:
        ran: host, command, phase, its number, and what it makes.
        missing: host, command, phase, and what it lacks.
    """

    ran: tuple[tuple[str, str, str, int, str], ...]
    missing: tuple[tuple[str, str, str, str], ...]


class Kubeadm:
    """The rules about a file of hosts, evaluated once."""

    def __init__(
        self,
        hosts: Hosts,
        *,
        ignored: Sequence[str] = (),
        rules: Sequence[Path] = (),
        parameters: Mapping[str, Value] | None = None,
    ) -> None:
        """Evaluate.

        Args:
            hosts: as read.
            ignored: checks whose errors count as warnings, in any case; ``all`` for all of them.
            rules: directories of further rules.
            parameters: rule parameters that differ from the built-in ones.

        Raises:
            RuleErrors: if the rules or the parameters are faulty.
        """
        self.hosts = hosts
        self.rulebook: Rulebook = load_rulebook(rules, parameters)
        self._evaluation = Evaluation(self.rulebook, {}, goals=_GOALS)
        self._evaluation.update(_grouped(_facts(hosts)))
        wanted = {each.strip().lower() for each in ignored if each.strip()}
        checks = {str(row[1]) for row in self._rows("finding_of")}
        chosen = {check for check in checks if "all" in wanted or check.lower() in wanted}
        self._evaluation.update({"ignored_check": [(check,) for check in sorted(chosen)]})
        known = {check.lower() for check in checks} | {str(row[1]).lower() for row in self._rows("undecided")}
        self.unused = tuple(sorted(wanted - known - {"all"}))

    def _rows(self, predicate: str) -> list[Row]:
        return sorted(self._evaluation.rows(predicate))

    def _places(self) -> dict[str, int]:
        return {str(host["name"]): number for number, host in enumerate(self.hosts.hosts)}

    def preflight(self) -> Preflight:
        """What the checks say of each host, in the order of the file; one report for all of them."""
        place = self._places()
        found = [*_findings(self._rows("finds")), *_unknown(self._rows("undecided"))]
        rank = {"ERROR": 0, "WARNING": 1, "UNKNOWN": 2}
        found.sort(key=lambda each: (place[each.host], rank[each.severity], each.check, each.message))
        return Preflight(
            hosts=tuple((str(host["name"]), str(host.get("role") or "worker")) for host in self.hosts.hosts),
            found=tuple(found),
            across=tuple(self._across()),
            unused=self.unused,
        )

    def _across(self) -> Iterable[str]:
        for what, value, one, other in self._rows("hosts_share"):
            yield f"{one} and {other} have the same {what}, {value}: give each host its own"
        for name, block, host, address in self._rows("range_holds_host"):
            yield f"the address {address} of {host} is in the range of {name}, {block}: choose another range"
        for one, block, other, second in self._rows("ranges_overlap"):
            yield f"the ranges of {one} ({block}) and of {other} ({second}) overlap: choose ranges that do not"
        hosts = [str(row[0]) for row in self._rows("nobody_begins")]
        if hosts:
            yield f"{', '.join(hosts)} cannot join: no host has the role init"
        if hosts := [str(row[0]) for row in self._rows("upgrades_nothing")]:
            yield f"{', '.join(hosts)} cannot be upgraded before the control plane: {_UPGRADE_FIRST}"

    def remarks(self) -> tuple[str, ...]:
        """What is worth knowing of the cluster to come, and stops nothing."""
        found = [
            f"With {row[0]} in etcd, the loss of one member stops the cluster; with three it does not."
            for row in self._rows("loses_quorum")
        ]
        found += [
            f"{row[0]} members of etcd bear no more losses than {int(row[0]) - 1}."
            for row in self._rows("even_members")
        ]
        return tuple(found)

    def phases(self) -> Phases:
        """Which phases run where, and which cannot and why."""
        place = self._places()
        ran = [(str(h), str(c), str(p), int(n), str(m)) for h, c, p, n, m in self._rows("runs_phase")]
        ran.sort(key=lambda each: (each[1] != "init", place[each[0]], each[3]))
        missing = [(str(h), str(c), str(p), str(t)) for h, c, p, t in self._rows("misses")]
        return Phases(ran=tuple(ran), missing=tuple(sorted(missing, key=lambda each: (place[each[0]], each))))


def _facts(hosts: Hosts) -> Iterable[Fact]:
    yield from cluster_facts(hosts.settings)
    for host in hosts.hosts:
        yield from host_facts(str(host["name"]), host, hosts.settings)
        if host.get("role") == "init":
            yield from external_etcd(str(host["name"]), hosts.settings)


def _findings(rows: Sequence[Row]) -> Iterable[Found]:
    joined: dict[tuple[str, str, str, str], list[str]] = {}
    for host, check, severity, says, one, other in rows:
        if says in _JOINED:
            joined.setdefault((str(host), str(check), str(severity), str(says)), []).append(str(one))
        else:
            message = str(says).format(one, other)
            yield Found(host=str(host), check=str(check), severity=str(severity), message=message)
    for (host, check, severity, says), values in joined.items():
        message = says.format(_JOINED[says].join(values))
        yield Found(host=host, check=check, severity=severity, message=message)


def _unknown(rows: Sequence[Row]) -> Iterable[Found]:
    checks: dict[tuple[str, str], list[str]] = {}
    for host, check, topic in rows:
        checks.setdefault((str(host), str(topic)), []).append(str(check))
    for (host, topic), names in checks.items():
        few = some(names)
        yield Found(host=host, check=few, severity="UNKNOWN", message=f"the file does not say the {topic} of this host")


def _grouped(facts: Iterable[Fact]) -> dict[str, list[Row]]:
    found: dict[str, dict[Row, None]] = {}
    for predicate, row in facts:
        found.setdefault(predicate, {})[row] = None
    return {predicate: list(rows) for predicate, rows in found.items()}
