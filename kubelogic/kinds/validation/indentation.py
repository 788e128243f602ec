"""Fields that stand at the wrong level: told by their cause, where one line one level off explains them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import structs

from kubelogic.kinds.table import fields_of
from kubelogic.kinds.validation.problems import Problem, nearest, quoted
from kubelogic.text.characters import odd_space
from kubelogic.text.location import Path, dotted
from kubelogic.text.mistaken import of_key

_UNKNOWN = "KL112"
_DEEPEST = 6
_OF_OTHER_VERSIONS: Mapping[tuple[str, str], str] = {
    ("autoscaling.v2.HorizontalPodAutoscalerSpec", "targetCPUUtilizationPercentage"): (
        "it is a field of autoscaling/v1; in autoscaling/v2 write metrics: [{type: Resource, resource: {name: cpu, "
        "target: {type: Utilization, averageUtilization: PERCENT}}}]"
    ),
    ("HorizontalPodAutoscalerSpec", "metrics"): "it is a field of autoscaling/v2: write apiVersion: autoscaling/v2",
    ("HorizontalPodAutoscalerSpec", "behavior"): "it is a field of autoscaling/v2: write apiVersion: autoscaling/v2",
    ("ResourceMetricSource", "targetAverageUtilization"): (
        "it is a field of autoscaling/v2beta1; in autoscaling/v2 write target: {type: Utilization, "
        "averageUtilization: PERCENT}"
    ),
    ("ResourceMetricSource", "targetAverageValue"): (
        "it is a field of autoscaling/v2beta1; in autoscaling/v2 write target: {type: AverageValue, "
        "averageValue: AMOUNT}"
    ),
    ("IngressBackend", "serviceName"): (
        "it is a field of networking.k8s.io/v1beta1; in v1 write service: {name: NAME, port: {number: PORT}}"
    ),
    ("IngressBackend", "servicePort"): (
        "it is a field of networking.k8s.io/v1beta1; in v1 write service: {name: NAME, port: {number: PORT}}"
    ),
    ("IngressSpec", "backend"): "it is a field of networking.k8s.io/v1beta1; in v1 it is called defaultBackend",
}
"""What other versions of a kind have: by type and field, how the version that is written says it."""


def with_causes(document: Mapping[str, Any], type_name: str, problems: Iterable[Problem]) -> list[Problem]:
    """The problems; unknown fields that look as if they belonged elsewhere say where, and what follows says from what.

    A field belongs deeper if it is legal in what was written just before it, which lacks it; and less deep if it is
    legal in the mapping around, which lacks it. Of one that is legal further out, or misspelt there, it is said whose
    field it is. What lacks because it was written under another name, or elsewhere, is no second mistake.
    """
    found: list[Problem] = []
    meant: list[tuple[Path, Problem]] = []
    for each in problems:
        told, where = _with_cause(document, type_name, each) if each.code == _UNKNOWN else (each, None)
        found.append(told)
        if where is not None:
            meant.append((where, each))
    return [_following(document, each, meant) for each in found] if meant else found


def _following(document: Mapping[str, Any], problem: Problem, meant: Iterable[tuple[Path, Problem]]) -> Problem:
    """The problem of something that lacks, with the field that seems to stand for it."""
    if problem.code == _UNKNOWN or is_written(document, problem.path):
        return problem
    for where, cause in meant:
        if problem.path[: len(where)] == where:
            return structs.replace(
                problem,
                message=f"{problem.message} (this follows from the unknown field {dotted(cause.path)})",
                told=problem.faults,
            )
    return problem


def _with_cause(document: Mapping[str, Any], type_name: str, problem: Problem) -> tuple[Problem, Path | None]:
    """The problem of an unknown field with its cause, and where the field seems to belong."""
    if not problem.path:
        return problem, None
    *steps, key = problem.path
    chain = _chain(document, f"@{type_name}", steps)
    if not chain or not isinstance(key, str) or not isinstance(chain[-1][1], Mapping):
        return problem, None
    unknown = problem.message.partition(";")[0]
    path, given, code = chain[-1]
    fields = fields_of(code[1:]) if code[0] == "@" else {}
    if own := "" if path else of_key(key, given[key]):
        return structs.replace(problem, message=own), None
    if elsewhere := _OF_OTHER_VERSIONS.get((code[1:], key)):
        return structs.replace(problem, message=f"{unknown}; {elsewhere}"), None
    if space := odd_space(key):
        message = f"{unknown}; there is {space} in it, where a space is meant or nothing"
        bare = "".join(each for each in key if not odd_space(each)).strip()
        return structs.replace(problem, message=message), (*path, bare) if bare in fields else None
    deeper = _deeper(chain, key)
    if deeper is not None and not _is_field(document, type_name, deeper):
        deeper = _outer(chain, key) or deeper  # of a field that there is, and a label of that name, it is the field
    if where := deeper or _outer(chain, key):
        message = f"{unknown}; by its indentation it is out of place: it looks as if it belonged to {dotted(where)}"
    elif "matchLabels" in fields and isinstance(given[key], str):
        where = (*path, "matchLabels", key)
        message = f"{unknown}; labels are named under matchLabels: it looks as if it belonged to {dotted(where)}"
    elif {"requests", "limits"} <= fields.keys() and isinstance(given[key], str | int | float):
        where = (*path, "requests", key)
        message = f"{unknown}; amounts are named under requests and limits: did you mean {dotted(where)}?"
    elif where := _further(chain, key):
        message = f"{unknown}; it is a field of {dotted(where[:-1])}"
    elif near := nearest(key, fields):
        return problem, (*path, near) if near not in given else None
    elif where := _misspelt(chain, key):
        message = f"{unknown}; did you mean {quoted(where[-1])} of {dotted(where[:-1])}?"
    elif where := _below(chain, key):
        message = f"{unknown}; it looks as if it belonged to {dotted(where)}"
    else:
        return problem, None
    return structs.replace(problem, message=message), where


_Level = tuple[Path, Any, str]
"""Where a value stands, the value, and the code of its type."""


def _chain(document: Any, code: str, steps: Iterable[str | int]) -> list[_Level]:
    """Every level on the way to a value, with its type; empty if the way leaves the types."""
    levels: list[_Level] = [((), document, code)]
    for step in steps:
        path, value, code = levels[-1]
        inner = _inside(code, step)
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return []
        if not inner:
            return []
        levels.append(((*path, step), value, inner))
    return levels


def _inside(code: str, step: str | int) -> str:
    if code[0] == "@" and isinstance(step, str):
        return fields_of(code[1:]).get(step, "")
    return code[1:] if code[0] in "[{" else ""


def _deeper(chain: list[_Level], key: str) -> Path | None:
    """The place below what was written just before the key, where the key is legal and lacks."""
    path, mapping, code = chain[-1]
    known = fields_of(code[1:]) if code[0] == "@" else {}
    before = [name for name in list(mapping)[: list(mapping).index(key)] if name in known] if key in mapping else []
    if not before:
        return None
    path, value, code = (*path, before[-1]), mapping[before[-1]], known[before[-1]]
    for _ in range(_DEEPEST):
        if code[0] == "[" and isinstance(value, list) and value:
            path, value, code = (*path, len(value) - 1), value[-1], code[1:]
        if _takes(code, value, key, mapping[key]):
            return (*path, key)
        if not isinstance(value, Mapping) or not value or code[0] != "@":
            return None
        last = str(list(value)[-1])
        code = fields_of(code[1:]).get(last, "")
        if not code:
            return None
        path, value = (*path, last), value[last]
    return None


def _outer(chain: list[_Level], key: str) -> Path | None:
    """The place in one of the mappings around, where the key is legal and lacks."""
    for path, value, code in reversed(chain[:-1]):
        if isinstance(value, Mapping):
            return (*path, key) if code[0] == "@" and key in fields_of(code[1:]) and key not in value else None
    return None


def _further(chain: list[_Level], key: str) -> Path | None:
    """The place further out where the key is legal and lacks: in a mapping around, or in what is called alike in one.

    A pod and its containers both have a securityContext, with other fields.
    """
    here = chain[-1][0]
    for path, value, code in reversed(chain[:-1]):
        if not path or code[0] != "@" or not isinstance(value, Mapping):
            continue
        fields = fields_of(code[1:])
        twin = (*path, here[-1])
        alike = fields.get(str(here[-1]), "") if twin != here else ""
        if alike and _takes(alike, value.get(str(here[-1])), key, None):
            return (*twin, key)
        if key in fields and key not in value:
            return (*path, key)
    return None


def _below(chain: list[_Level], key: str) -> Path | None:
    """The only place under a mapping here or around, two levels down, where the key is legal, lacks and fits."""
    given = chain[-1][1][key]
    for path, value, code in reversed(chain):
        if code[0] != "@" or not isinstance(value, Mapping):
            continue
        found: list[Path] = []
        for name, inner in fields_of(code[1:]).items():
            inside = value.get(name)
            if name == "status" or inner[0] != "@" or not (inside is None or isinstance(inside, Mapping)):
                continue
            fitting = fields_of(inner[1:]).get(key, "")
            if fitting and key not in (inside or {}) and _fits(fitting, given):
                found.append((*path, name, key))
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _fits(code: str, given: Any) -> bool:
    """Whether a value has the shape of a type: a list, a mapping, or neither."""
    if isinstance(given, list):
        return code[0] == "["
    return (code[0] in "@{") if isinstance(given, Mapping) else code[0] not in "[{"


def _is_field(document: Any, type_name: str, path: Path) -> bool:
    """Whether a path ends in a field that a type has, not in a free name such as a label."""
    chain = _chain(document, f"@{type_name}", path[:-1])
    return bool(chain) and chain[-1][2][0] == "@"


def _misspelt(chain: list[_Level], key: str) -> Path | None:
    """The place in a mapping around, where something is legal and lacks that is spelt almost so."""
    for path, value, code in reversed(chain[:-1]):
        if path and code[0] == "@" and isinstance(value, Mapping):
            near = nearest(key, fields_of(code[1:]))
            if near and near not in value:
                return (*path, near)
    return None


def is_written(document: Any, path: Path) -> bool:
    """Whether a document has a field at a path."""
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _takes(code: str, value: Any, key: str, given: Any) -> bool:
    if not (value is None or isinstance(value, Mapping)) or key in (value or {}):
        return False
    if code[0] == "@":
        return key in fields_of(code[1:])
    return code[0] == "{" and isinstance(given, str | int | float)
