"""What admission refuses because of other objects: priority classes and runtime classes.

A namespace that no object defines is not a fault: manifests are written for namespaces that exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.kinds import quantity
from kubelogic.kinds.validation.policy import SYSTEM_PRIORITIES
from kubelogic.kinds.validation.problems import Problem, Report, nearest, quoted
from kubelogic.text.location import Path

Documents = Sequence[Mapping[str, Any]]

_PREEMPT = "PreemptLowerPriority"


def cross_check(documents: Documents) -> list[tuple[int, Problem]]:
    """Check admitted documents of one load against each other.

    Args:
        documents: with defaults filled in.

    Returns:
        The index of the document and the problem, in that order.
    """
    classes: dict[str, tuple[int, str]] = {name: (value, _PREEMPT) for name, value in SYSTEM_PRIORITIES.items()}
    default: tuple[str, int, str] | None = None
    runtimes: dict[str, Mapping[str, Any]] = {}
    found: list[tuple[int, Problem]] = []
    for index, document in enumerate(documents):
        kind, name = document.get("kind"), document.get("metadata", {}).get("name", "")
        if kind == "PriorityClass":
            value, policy = document.get("value", 0), document.get("preemptionPolicy", _PREEMPT)
            classes[name] = (value, policy)
            if document.get("globalDefault"):
                if default is not None and default[0] != name:
                    message = f"{default[0]} is the default already; only one class can be"
                    found.append((index, Problem(path=("globalDefault",), code="KL140", message=message)))
                else:
                    default = (name, value, policy)
        elif kind == "RuntimeClass":
            runtimes[name] = document
    for index, document in enumerate(documents):
        if (document.get("apiVersion"), document.get("kind")) == ("v1", "Pod") and not _is_running_somewhere(document):
            spec = document.get("spec", {})
            if "priorityClassName" in spec or "priority" in spec or "runtimeClassName" in spec or "overhead" in spec:
                report = Report()
                _priority(report, spec, classes, default)
                _runtime(report, spec, runtimes)
                found += [(index, problem) for problem in report.problems]
    return sorted(found, key=lambda pair: (pair[0], pair[1].sort_key))


def _is_running_somewhere(pod: Mapping[str, Any]) -> bool:
    """Whether a pod was read from a cluster, which admitted it: its classes need not be in the same dump."""
    return bool(pod.get("metadata", {}).get("uid"))


def _priority(
    report: Report,
    spec: Mapping[str, Any],
    classes: Mapping[str, tuple[int, str]],
    default: tuple[str, int, str] | None,
) -> None:
    name = spec.get("priorityClassName", "")
    path: Path = ("spec", "priorityClassName")
    if name and name not in classes:
        near = nearest(name, classes)
        hint = f"did you mean {quoted(near)}?" if near else "create it, or remove the name"
        report.add(path, "KL140", f"there is no PriorityClass {quoted(name)}; {hint}")
        return
    value, policy = classes[name] if name else default[1:] if default else (0, _PREEMPT)
    source = f"the class {name}" if name else f"the default class {default[0]}" if default else "a pod without class"
    own = spec.get("priority")
    if own is not None and own != value:
        report.add(("spec", "priority"), "KL140", f"is {own}, but {source} has {value}; leave priority out")
    wanted = spec.get("preemptionPolicy")
    if wanted is not None and wanted != policy and (name or default):
        report.add(("spec", "preemptionPolicy"), "KL140", f"is {wanted}, but {source} has {policy}")


def _amounts(values: Mapping[str, Any]) -> dict[str, int]:
    return {name: quantity.read(value).nanos for name, value in values.items()}


def _runtime(report: Report, spec: Mapping[str, Any], runtimes: Mapping[str, Mapping[str, Any]]) -> None:
    name, overhead = spec.get("runtimeClassName", ""), spec.get("overhead", {})
    if name and name not in runtimes:
        near = nearest(name, runtimes)
        hint = f"did you mean {quoted(near)}?" if near else "create it, or remove the name"
        report.add(("spec", "runtimeClassName"), "KL144", f"there is no RuntimeClass {quoted(name)}; {hint}")
        return
    fixed = runtimes[name].get("overhead", {}).get("podFixed", {}) if name else {}
    if overhead and _amounts(overhead) != _amounts(fixed):
        wanted = f"the overhead of the RuntimeClass {name}" if fixed else "set by a RuntimeClass; leave it out"
        report.add(("spec", "overhead"), "KL144", f"must be {wanted}")
