"""Whom a step of a scenario is about: a node, several, a zone; a pod, or one of a workload without its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.facts.selectors import selector_of
from kubelogic.reconcile.choices import Choice, ForEach, NodeChoice, PodChoice, named
from kubelogic.reconcile.scenario import Operation
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError
from kubelogic.verbs.targets import KINDS, WORKLOADS

NODES = ("node", "nodes", "zone", "selector")
"""The fields of which one says which nodes a step is about."""

PODS = ("of", "selector", "node", "count")
"""The fields that say which pods a step is about, instead of ``name``."""


def about(template: Operation, choice: Choice | str) -> Operation:
    """An operation on the node or pod of a name, or on each of those that are meant."""
    return named(template, choice) if isinstance(choice, str) else ForEach(choice=choice, template=template)


def node_choice(value: Any, path: FieldPath) -> NodeChoice | str:
    """One node by its name, or several: a list of names, or labels such as ``zone=a``.

    Raises:
        WrongFieldError: it is neither.
    """
    if isinstance(value, str) and value and "=" not in value and not value.startswith("!"):
        return value
    if isinstance(value, list) and value and all(isinstance(each, str) and each for each in value):
        names = tuple(dict.fromkeys(value))
        return names[0] if len(names) == 1 else NodeChoice(text=", ".join(names), names=names)
    try:
        wanted = selector_of(value)
    except ValueError:
        raise WrongFieldError(
            path, f"must be the name of a node, a list of names, or labels such as zone=a, is {value!r}"
        ) from None
    return NodeChoice(text=_text(value), wanted=wanted)


def nodes(fields: Fields) -> NodeChoice | str:
    """The nodes that ``node``, ``nodes``, ``zone`` or ``selector`` mean."""
    given = [name for name in NODES if name in fields.value]
    if len(given) != 1:
        said = " and ".join(given) or "none"
        raise fields.wrong(f"needs one of {', '.join(NODES)}, has {said}", code="KL142")
    name = given[0]
    if name == "zone":
        return node_choice(f"zone={fields.text('zone')}", (*fields.path, name))
    if name == "selector":
        return NodeChoice(text=_text(fields.value[name]), wanted=fields.selector(name))
    return node_choice(fields.value[name], (*fields.path, name))


def pods(fields: Fields) -> PodChoice | str:
    """The pod that ``name`` names, or those that ``of`` or ``selector`` mean."""
    way = fields.one_of("name", "of", "selector")
    if way == "name":
        for extra in ("node", "count"):
            if extra in fields.value:
                raise fields.wrong("goes with of or selector", extra, on_key=True, code="KL142")
        return fields.key()
    namespace = fields.text("namespace", fields.namespace)
    node, count = fields.text("node", ""), _count(fields)
    if way == "selector":
        text = _text(fields.value["selector"])
        wanted = fields.selector("selector")
        return PodChoice(text=text, namespace=namespace, wanted=wanted, node=node, count=count)
    text = fields.text("of")
    kind, slash, name = text.rpartition("/")
    found = KINDS.get(kind.lower(), kind) if slash else "Deployment"
    if found not in WORKLOADS or not name:
        raise fields.wrong(f"must be a workload such as web or sts/db, is {text!r}", "of", code="KL121")
    return PodChoice(text=text, namespace=namespace, kind=found, key=f"{namespace}/{name}", node=node, count=count)


def _count(fields: Fields) -> int | None:
    if fields.value.get("count") == "all":
        return None
    found = fields.number("count", 1)
    if not found:
        raise fields.wrong("must be at least 1, or all, is 0", "count")
    return found


def _text(value: Any) -> str:
    return ",".join(f"{key}={text}" for key, text in value.items()) if isinstance(value, Mapping) else str(value)
