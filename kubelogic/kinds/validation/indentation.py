"""Fields that stand at the wrong level: told by their cause, where one line one level off explains them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import structs

from kubelogic.kinds.table import fields_of
from kubelogic.kinds.validation.problems import NO_SUCH_FIELD, Problem, nearest, quoted
from kubelogic.text.characters import odd_space
from kubelogic.text.location import Path, dotted, value_at
from kubelogic.text.mistaken import of_key

_UNKNOWN, _OF_ANOTHER_TYPE = "KL112", "KL110"
_DEEPEST = 6
_SWALLOWED = 3
"""Levels below a field out of place at which what lacks elsewhere is looked for."""
_PREFERRED = "a node affinity that is preferred is a list of {weight: NUMBER, preference: {matchExpressions: [...]}}"
_REQUIRED_NODES = "only what is preferred has a weight: a required term has its matchExpressions without it"
_REQUIRED_PODS = "only what is preferred has a weight: a required term has labelSelector and topologyKey without it"
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
    ("PodSpec", "workloadRef"): (
        "it was a field of Kubernetes 1.35, and from 1.36 on a pod names a PodGroup (schedulingGroup: {podGroupName: "
        f"NAME}}); {NO_SUCH_FIELD}"  # so what a cluster of 1.35 printed is left out, as other fields that are gone
    ),
    ("IngressSpec", "backend"): "it is a field of networking.k8s.io/v1beta1; in v1 it is called defaultBackend",
    ("PreferredSchedulingTerm", "nodeSelectorTerms"): _PREFERRED,
    ("PreferredSchedulingTerm", "matchExpressions"): _PREFERRED,
    ("NodeSelectorTerm", "preference"): _REQUIRED_NODES,
    ("NodeSelectorTerm", "weight"): _REQUIRED_NODES,
    ("PodAffinityTerm", "podAffinityTerm"): _REQUIRED_PODS,
    ("PodAffinityTerm", "weight"): _REQUIRED_PODS,
}
"""What other versions of a kind, or fields beside, have: by type and field, how the one that is written says it."""


def with_causes(document: Mapping[str, Any], type_name: str, problems: Iterable[Problem]) -> list[Problem]:
    """The problems; unknown fields that look as if they belonged elsewhere say where, and what follows says from what.

    A field belongs deeper if it is legal in what was written just before it, which lacks it; and less deep if it is
    legal in the mapping around, which lacks it. Of one that is legal further out, or misspelt there, it is said whose
    field it is. What lacks because it was written under another name, or elsewhere, is no second mistake.
    """
    found: list[Problem] = []
    meant: list[tuple[Path, Problem]] = []
    for each in problems:
        told, where = each, None
        if each.code == _UNKNOWN:
            told, where = _with_cause(document, type_name, each)
        elif each.code == _OF_ANOTHER_TYPE:
            told = _with_level(document, type_name, each)
        found.append(told)
        if where is not None:
            meant.append((where, each))
    return [_following(document, each, meant) for each in found] if meant else found


def _following(document: Mapping[str, Any], problem: Problem, meant: Iterable[tuple[Path, Problem]]) -> Problem:
    """The problem of something that lacks, with the field that seems to stand for it."""
    if problem.code == _UNKNOWN or is_written(document, problem.path):
        return problem
    for where, cause in meant:
        if problem.path[: len(where)] == where or _swallowed(document, problem.path, where, cause.path):
            return structs.replace(
                problem,
                message=f"{problem.message} (this follows from the unknown field {dotted(cause.path)})",
                told=problem.faults,
            )
    return problem


def _with_level(document: Mapping[str, Any], type_name: str, problem: Problem) -> Problem:
    """The problem of a mapping or list among free names, such as labels, that the mapping around has as a field."""
    *steps, key = problem.path or ("",)
    chain = _chain(document, f"@{type_name}", steps)
    if not chain or chain[-1][2][0] != "{" or not isinstance(value_at(document, problem.path), Mapping | list):
        return problem
    where = _outer(chain, str(key))
    return structs.replace(problem, message=f"{problem.message}; {_OUT_OF_PLACE} {dotted(where)}") if where else problem


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
    where: Path | None
    deeper = _deeper(chain, key)
    if deeper is not None and not _is_field(document, type_name, deeper):
        deeper = _outer(chain, key) or deeper  # of a field that there is, and a label of that name, it is the field
    if deeper is None and (moved := _moved(chain, key)):
        owner, where = moved
        message = f"{unknown}; {dotted(path)} is out of place itself: it looks as if it belonged to {dotted(owner)}"
    elif where := deeper or _outer(chain, key):
        message = f"{unknown}; {_OUT_OF_PLACE} {dotted(where)}"
    elif "matchLabels" in fields and isinstance(given[key], str):
        where = (*path, "matchLabels", key)
        message = f"{unknown}; labels are named under matchLabels: it looks as if it belonged to {dotted(where)}"
    elif {"requests", "limits"} <= fields.keys() and isinstance(given[key], str | int | float):
        where = (*path, "requests", key)
        message = f"{unknown}; amounts are named under requests and limits: did you mean {dotted(where)}?"
    elif where := _further(chain, key):
        message = f"{unknown}; it is a field of {dotted(where[:-1])}"
    elif isinstance(given[key], Mapping | list) and (where := _deep_below(chain[-1], key)):
        message = f"{unknown}; it looks as if it belonged to {dotted(where)}"
    elif near := nearest(key, fields):
        return problem, (*path, near) if near not in given else None
    elif where := _misspelt(chain, key):
        message = f"{unknown}; did you mean {quoted(where[-1])} of {dotted(where[:-1])}?"
    elif where := _below(chain, key):
        message = f"{unknown}; it looks as if it belonged to {dotted(where)}"
    elif where := _twin_in_items(chain, key):
        message = f"{unknown}; it is a field of {dotted(where[:-1])}"
    else:
        return problem, None
    return structs.replace(problem, message=message), where


_OUT_OF_PLACE = "by its indentation it is out of place: it looks as if it belonged to"

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


def _moved(chain: list[_Level], key: str) -> tuple[Path, Path] | None:
    """Where the mapping around belongs if it is what stands too far left, and the key with it; None if it does not.

    It is legal in what was written before it, which lacks it, and there the key is legal in it or beside it.
    """
    path, _, _ = chain[-1]
    if len(chain) < 2 or not isinstance(path[-1], str) or not isinstance(chain[-2][1], Mapping):
        return None
    owner = _deeper(chain[:-1], path[-1])
    if owner is None:
        return None
    above, value, code = chain[-2]
    for step in owner[len(above) : -1]:
        value, code = value[step], _inside(code, step)
    if code[0] != "@":
        return None
    if key in _fields(_inside(code, path[-1])):
        return owner, (*owner, key)
    return (owner, (*owner[:-1], key)) if key in _fields(code) and key not in value else None


def _fields(code: str) -> Mapping[str, str]:
    return fields_of(code[1:]) if code[:1] == "@" else {}


def _twin_in_items(chain: list[_Level], key: str) -> Path | None:
    """The place where the key is legal in what is called alike in the items of a list beside the mapping around.

    Containers have a securityContext with fields that the one of the pod lacks.
    """
    if len(chain) < 2 or chain[-2][2][0] != "@" or not isinstance(chain[-2][1], Mapping):
        return None
    (above, around, code), name = chain[-2], str(chain[-1][0][-1])
    for field, inner in fields_of(code[1:]).items():
        items = around.get(field)
        if inner[0] == "[" and isinstance(items, list) and items and key in _fields(_inside(inner[1:], name)):
            return (*above, field, 0, name, key)
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


def _deep_below(level: _Level, key: str) -> Path | None:
    """The only place several levels below a mapping where such a mapping or list is legal, the nearest first."""
    path, value = level[:2]
    given = value[key]
    here: list[_Level] = [level]
    for _ in range(_SWALLOWED):
        here = [
            ((*at, name), value_at(inside, (name,)), inner)
            for at, inside, known in here
            for name, inner in _fields(known).items()
            if inner[0] == "@"
        ]
        found = [
            (*at, key)
            for at, inside, known in here
            if (fitting := _fields(known).get(key)) and _fits(fitting, given) and value_at(inside, (key,)) is None
        ]
        if found:
            meant = [each for each in found if value_at(value, each[len(path) : -1]) is not None] or found
            meant = [each for each in meant if "status" not in each[len(path) :]] or meant
            return meant[0] if len(meant) == 1 else None
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


def _swallowed(document: Any, lacking: Path, where: Path, written: Path) -> bool:
    """Whether what lacks beside the right place of a field is in that field, as what followed it in the text."""
    beside = len(where) - 1
    return (
        lacking[:beside] == where[:-1]
        and len(lacking) > beside
        and _holds(value_at(document, written), lacking[beside], _SWALLOWED)
    )


def _holds(value: Any, name: str | int, depth: int) -> bool:
    """Whether a value has a field of that name somewhere below, within so many levels."""
    if isinstance(value, list):
        return any(_holds(each, name, depth) for each in value)
    if not isinstance(value, Mapping) or not depth:
        return False
    return name in value or any(_holds(each, name, depth - 1) for each in value.values())


def _takes(code: str, value: Any, key: str, given: Any) -> bool:
    if not (value is None or isinstance(value, Mapping)) or key in (value or {}):
        return False
    if code[0] == "@":
        return key in fields_of(code[1:])
    return code[0] == "{" and isinstance(given, str | int | float)
