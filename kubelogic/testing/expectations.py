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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from kubelogic.text import sources
from kubelogic.text.documents import trees
from kubelogic.text.location import Fault, InputError, Location
from kubelogic.verbs.load import load
from kubelogic.verbs.plan import plan
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.results import Plan

_FIELDS = ("cluster", "scheduler", "pods", "rules", "set")
_SAID = re.compile(r"placed|pending(?: (KL\d{3}))?|on one of \[([^\]]*)\]|on ([^\s\[\]]+)")


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
        if not placed and not pending:
            return f"there is no pod or workload {self.name}"
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

    def _means(self, pod: str, owner: str) -> bool:
        return self.name in (pod, owner, owner.partition(" ")[2])

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
    found = [tree for _, tree in trees(source, faults) if tree is not None]
    wrong = list(_wrong(found))
    faults += [Fault(location=Location(file=name), code="KL110", message=message) for message in wrong]
    if faults:
        raise InputError(faults)
    tree: Mapping[str, Any] = found[0]
    given = tree["cluster"]
    paths = [given] if isinstance(given, str) else list(given)
    base = Path(name).parent
    return Expectations(
        file=name,
        paths=tuple(str(base / each) for each in paths),
        options=Options(
            scheduler=tree.get("scheduler", "optimal"),
            rules=tuple(base / each for each in tree.get("rules") or ()),
            parameters=tree.get("set"),
        ),
        expected=tuple(Expectation(name=_key(each), says=str(says)) for each, says in tree["pods"].items()),
    )


def _key(name: str) -> str:
    return name if "/" in name or " " in name else f"default/{name}"


def _wrong(found: list[Any]) -> Iterator[str]:
    if len(found) != 1 or not isinstance(found[0], Mapping):
        yield "a file of expectations is one mapping with cluster and pods"
        return
    tree = found[0]
    for field in tree:
        if field not in _FIELDS:
            yield f"unknown field {field!r}; there are {', '.join(_FIELDS)}"
    cluster = tree.get("cluster")
    if not isinstance(cluster, str) and not (
        isinstance(cluster, list) and cluster and all(isinstance(c, str) for c in cluster)
    ):
        yield "cluster is a path or a list of paths"
    if tree.get("scheduler", "optimal") not in ("optimal", "kube"):
        yield f"scheduler is optimal or kube, not {tree['scheduler']!r}"
    pods = tree.get("pods")
    if not isinstance(pods, Mapping) or not pods:
        yield "pods is a mapping of pods or workloads to what becomes of them"
        return
    for name, says in pods.items():
        if not isinstance(says, str) or not _SAID.fullmatch(says):
            yield f"{name}: placed, pending, pending KL204, on NODE, or on one of [NODE, NODE], not {says!r}"


def _lines(pending: Mapping[str, Any]) -> str:
    return "\n".join(f"  {name}: {each.message}" for name, each in sorted(pending.items())[:5])


__all__ = ["Expectation", "Expectations", "read_expectations"]
