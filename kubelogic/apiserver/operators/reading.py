"""Objects of operators on their way into a cluster: kept as they are, beside what their operators make of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.apiserver.operators import children
from kubelogic.apiserver.operators.made import Child, Fields, Operator
from kubelogic.cluster import Object
from kubelogic.cluster.edit import uid_of
from kubelogic.kinds import naming
from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.validation import Problem, names
from kubelogic.kinds.validation.cached import Admitter
from kubelogic.text.documents import Item


class Operated(msgspec.Struct, frozen=True, kw_only=True):
    """An object of an operator, and what is made of it.

    Attributes:
        obj: as it is kept.
        made: complete documents of children, in their order.
        problems: what is wrong with it, at its own fields.
    """

    obj: Object
    made: tuple[tuple[Child, Mapping[str, Any]], ...] = ()
    problems: tuple[Problem, ...] = ()


def operated(item: Item, operator: Operator, admitter: Admitter, *, namespace: str) -> Operated:
    """Read one object of an operator, and check what becomes of it as the API server would.

    Args:
        item: as written.
        operator: who looks after it.
        admitter: checks the children.
        namespace: for objects that name none.
    """
    raw = item.document.get("metadata")
    meta: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
    name, spot = meta.get("name"), meta.get("namespace") or namespace
    if not name and isinstance(prefix := meta.get("generateName"), str) and prefix:
        name = naming.generated_name(prefix, item.document, copy=0)
    problems = _identity(name, spot)
    name, spot = (str(name), str(spot)) if not problems else ("", namespace)
    document = {**item.document, "metadata": {**meta, "name": name, "namespace": spot}}
    obj = Object(
        api_version=item.document["apiVersion"],
        kind=operator.kind,
        namespace=spot,
        name=name,
        document=document,
        origin=item.origin,
    )
    if problems:
        return Operated(obj=obj, problems=tuple(problems))
    given = Fields(document, name=name)
    for section in ("spec", "status"):
        given.mapping(section)
    for marks in ("labels", "annotations"):
        given.texts("metadata", marks)
    found: list[tuple[Child, Mapping[str, Any]]] = []
    told: dict[Problem, None] = {}
    for child in children(operator, given):
        admission = admitter.admit(_owned(child, obj))
        for problem in admission.problems:
            told[Problem(path=child.source(problem.path), code=problem.code, message=problem.message)] = None
        found.append((child, admission.document))
    problems = [*given.problems, *(told if not given.problems else ())]
    return Operated(obj=obj, made=tuple(found) if not problems else (), problems=tuple(problems))


def is_made_already(owner: Object, documents: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a cluster has made something of an object: what it printed names it as its controller.

    Args:
        owner: the object of an operator.
        documents: all that was read.
    """
    kind, group = owner.document["kind"], owner.api_version.partition("/")[0]
    return any(
        (each.get("kind"), each.get("name")) == (kind, owner.name)
        and str(each.get("apiVersion") or "").partition("/")[0] == group
        for document in documents
        if (document["metadata"].get("namespace") or "") == owner.namespace
        for each in document["metadata"].get("ownerReferences") or ()
        if each.get("controller")
    )


def new_children(found: Operated, documents: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """What has to be made of an object: nothing where a cluster has begun, but what translates it.

    Args:
        found: the object.
        documents: all that was read.
    """
    begun = is_stored(found.obj.document) and is_made_already(found.obj, documents)
    for child, document in found.made:
        if child.translates or not begun:
            yield document


def _identity(name: Any, namespace: Any) -> list[Problem]:
    if not isinstance(name, str) or not name:
        return [Problem(path=("metadata", "name"), code="KL104", message="the object has no name")]
    if wrong := names.dns_subdomain(name):
        return [Problem(path=("metadata", "name"), code="KL123", message=f"{name!r} {wrong}")]
    if not isinstance(namespace, str) or names.dns_label(namespace):
        return [
            Problem(path=("metadata", "namespace"), code="KL123", message=f"{namespace!r} is no name of a namespace")
        ]
    return []


def _owned(child: Child, owner: Object) -> dict[str, Any]:
    reference = {
        "apiVersion": owner.api_version,
        "kind": owner.document["kind"],
        "name": owner.name,
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {**child.document["metadata"], "namespace": owner.namespace, "ownerReferences": [reference]}
    return {**child.document, "metadata": metadata}
