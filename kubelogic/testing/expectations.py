"""Expectation files: what becomes of pods, as a table that is kept beside manifests and collected as tests.

cluster: [nodes.yaml, web.yaml]     # paths, from where the file is
scheduler: kube                     # or optimal, which it is if nothing is said
pods:
  shop/web: placed                  # a pod, or a workload: all of its pods
  shop/trainer: pending KL204       # pending, perhaps with a code among its blockers
  shop/db-0: on one of [n1, n2]
  shop/cache: on n3
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from kubelogic.facts.parameters import Assigned
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.kinds.validation.problems import nearest
from kubelogic.logic import Value
from kubelogic.logic.terms import Place
from kubelogic.patterns import regex
from kubelogic.reconcile.schedulers import SchedulerName
from kubelogic.report.codes import known_codes
from kubelogic.text import sources
from kubelogic.text.documents import fault_at, trees
from kubelogic.text.location import Fault, InputError, Location
from kubelogic.text.location import Path as FieldPath
from kubelogic.text.origin import ItemOrigin
from kubelogic.verbs.load import load
from kubelogic.verbs.plan import plan
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.results import Plan

_FIELDS = ("cluster", "scheduler", "pods", "rules", "set")
_SCHEDULERS = get_args(SchedulerName)
_SAID = regex(r"placed|pending(?: (KL\d{3}))?|on one of \[([^\]]*)\]|on ([^\s\[\]]+)")


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What one line says: of which pods, and what becomes of them."""

    name: str
    says: str

    def broken(self, found: Plan) -> str:
        """What is not as it says; empty if all is.

        Args:
            found: the plan of the cluster.
        """
        placed = {each.pod: each.node for each in found.placements if self._means(each.pod, each.owner)}
        pending = {each.pod: each for each in found.pending if self._means(each.pod, each.owner)}
        refused = [each for each in found.refusals if each.kind == "Pod" and self._means(each.workload, each.owner)]
        if not placed and not pending and not refused:
            return f"there is no pod or workload {self.name}{self._hint(found)}"
        if refused and not (pending and self.says.startswith("pending")):
            return "; ".join(
                f"{each.missing} of {each.wanted} pods of {self.name} are not made: {each.message}" for each in refused
            )
        if self.says.startswith("pending"):
            code = self.says.partition(" ")[2]
            if not pending:
                return f"{self.name} is placed, on {', '.join(sorted({*placed.values()}))}"
            codes = {blocker.code for each in pending.values() for blocker in each.blockers}
            if code and code not in codes:
                return f"{self.name} is pending because of {', '.join(sorted(codes))}, not {code}\n{_lines(pending)}"
            return ""
        if pending:
            return f"{len(pending)} of {len(pending) + len(placed)} pods of {self.name} are pending\n{_lines(pending)}"
        nodes = self._nodes()
        wrong = {pod: node for pod, node in sorted(placed.items()) if nodes and node not in nodes}
        return "; ".join(f"{pod} is on {node}, not on {' or '.join(nodes)}" for pod, node in wrong.items())

    def _hint(self, found: Plan) -> str:
        """A pod or workload that may be meant: of the same name elsewhere, or of a name like it."""
        rows = [(each.pod, each.owner) for each in found.placements]
        rows += [(each.pod, each.owner) for each in found.pending]
        names = sorted({name.partition(" ")[2] or name for row in rows for name in row if name}, reverse=True)
        by_last = {name.rpartition("/")[2]: name for name in names}
        near = nearest(self.name.rpartition("/")[2], by_last)
        return f"; did you mean {by_last[near]}?" if near else ""

    def _means(self, pod: str, owner: str) -> bool:
        return self.name in (pod, owner, pod.partition(" ")[2], owner.partition(" ")[2])

    def _nodes(self) -> tuple[str, ...]:
        found = _SAID.fullmatch(self.says)
        assert found is not None
        several, one = found[2], found[3]
        return (
            tuple(filter(None, re.split(r"[,\s]+", several.strip())))
            if several is not None
            else ((one,) if one else ())
        )


class Expectations(msgspec.Struct, frozen=True, kw_only=True):
    """A file of expectations."""

    file: str
    paths: tuple[str, ...]
    options: Options
    expected: tuple[Expectation, ...]

    def plan(self) -> Plan:
        """The plan that they are about.

        Raises:
            InputError: with every fault of the manifests.
        """
        return plan(load(self.paths), self.options)


def read_expectations(path: str | Path) -> Expectations:
    """Read a file of expectations.

    Raises:
        InputError: with what is wrong about it.
    """
    name = str(path)
    source = sources.read(name, None)
    if isinstance(source, Fault):
        raise InputError([source])
    faults: list[Fault] = []
    found = [(document, tree) for document, tree in trees(source, faults) if tree is not None]
    if faults:
        raise InputError(faults)
    if len(found) != 1:
        message = f"a file of expectations is one document, here are {len(found)}"
        raise InputError([Fault(location=Location(file=name), code="KL106", message=message)])
    document, tree = found[0]
    origin = ItemOrigin(document=document)
    wrong = [fault_at(origin, path, code, message, title="") for path, code, message in _wrong(tree)]
    if wrong:
        raise InputError(wrong)
    base = Path(name).parent
    return Expectations(
        file=name,
        paths=tuple(str(base / each) for each in _listed(tree["cluster"])),
        options=Options(
            scheduler=tree.get("scheduler", "optimal"),
            rules=tuple(base / each for each in _listed(tree.get("rules") or ())),
            parameters=_assigned(tree.get("set") or {}, origin),
        ),
        expected=tuple(Expectation(name=_key(each), says=says) for each, says in tree["pods"].items()),
    )


def _assigned(given: Mapping[str, Value], origin: ItemOrigin) -> Assigned:
    """Parameters with the places of their lines."""
    places = {name: origin.locate(("set", name)) for name in given}
    return Assigned(
        given, {name: Place(file=at.file, line=at.line, column=at.column) for name, at in places.items() if at}
    )


def _listed(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _key(name: str) -> str:
    return name if "/" in name or " " in name else f"default/{name}"


def _wrong(tree: Any) -> Iterator[tuple[FieldPath, str, str]]:
    """Where a file is wrong, the code of that, and what is wrong."""
    if not isinstance(tree, Mapping):
        yield (), "KL106", "a file of expectations is a mapping with cluster and pods"
        return
    for field in tree:
        if field not in _FIELDS:
            near = nearest(str(field), _FIELDS)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(_FIELDS)}"
            yield (str(field),), "KL112", f"unknown field {field}; {hint}"
    for field in ("cluster", "rules"):
        if field not in tree and field == "cluster":
            yield (), "KL120", "cluster is missing: a path of manifests, or a list of paths"
        elif field in tree and not _are_paths(tree[field]):
            yield (field,), "KL110", "it is a path or a list of paths"
    if tree.get("scheduler", "optimal") not in _SCHEDULERS:
        yield ("scheduler",), "KL121", f"it is {' or '.join(_SCHEDULERS)}, not {tree['scheduler']!r}"
    if not isinstance(tree.get("set") or {}, Mapping):
        yield ("set",), "KL110", "it is a mapping of parameters to their values"
    pods = tree.get("pods")
    if pods is None:
        yield (), "KL120", "pods is missing: a mapping of pods or workloads to what becomes of them"
    elif not isinstance(pods, Mapping) or not pods:
        yield ("pods",), "KL110", "it is a mapping of pods or workloads to what becomes of them"
    else:
        codes = frozenset(known_codes(builtin_rulebook()))
        for name, says in pods.items():
            if not name:
                yield ("pods",), "KL121", "a line names no pod or workload"
            if message := _misread(says, codes):
                yield ("pods", name), "KL121", message


def _misread(says: Any, codes: Collection[str]) -> str:
    """Why a line says nothing; empty if it does."""
    found = _SAID.fullmatch(says) if isinstance(says, str) else None
    if found is None:
        return f"placed, pending, pending KL204, on NODE, or on one of [NODE, NODE], not {says!r}"
    if found[1] and found[1] not in codes:
        return f"there is no code {found[1]}"
    if found[2] is not None and not found[2].strip(", "):
        return "on one of no nodes"
    return ""


def _are_paths(value: Any) -> bool:
    each = [value] if isinstance(value, str) else value
    return isinstance(each, list) and bool(each) and all(isinstance(path, str) and path for path in each)


def _lines(pending: Mapping[str, Any]) -> str:
    return "\n".join(f"  {name}: {each.message}" for name, each in sorted(pending.items())[:5])


__all__ = ["Expectation", "Expectations", "read_expectations"]
