"""``expect``: what has to be so at a moment, all the time, or once; read from a step of a scenario file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.patterns import regex
from kubelogic.reconcile.expectations import MEASURES, Amount, Expectation
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError, kind_named
from kubelogic.verbs.scenario_requests import key_of

FIELDS: Mapping[str, str] = {
    "kind": "of the object: `Deployment` if left out, or any other",
    "name": "its name; `svc/web` says the kind, too; without a name the whole cluster is meant (`pending`)",
    "namespace": "else that of `-n`, or `default`",
    **MEASURES,
}
"""What ``expect`` takes."""

_TRUTHS = ("complete", "failed", "exists")
_TEXTS = ("phase", "node")
_COUNTS = ("ready", "pods", "pending", "restarts", "replicas", "endpoints")
_SIGNED = regex(r"(>=|<=|==|!=|>|<)\s*([0-9]+)")
_WORDS = {"atLeast": ">=", "atMost": "<=", "not": "!="}
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob")
_OF: Mapping[str, tuple[str, ...]] = {
    "ready": (*_WORKLOADS, "Pod", "Node"),
    "pods": (*_WORKLOADS, "Node"),
    "pending": _WORKLOADS,
    "restarts": (*_WORKLOADS, "Pod"),
    "replicas": ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"),
    "complete": ("Deployment", "StatefulSet", "DaemonSet", "Job"),
    "failed": ("Job",),
    "endpoints": ("Service",),
    "phase": ("Pod", "PersistentVolumeClaim", "PersistentVolume", "Namespace"),
    "node": ("Pod",),
}


def expectations(fields: Fields) -> list[Expectation]:
    """What a step expects, one for each measure; the times are filled in by the reader of the step.

    Raises:
        WrongFieldError: it expects nothing, or what no such object has.
    """
    fields.check(tuple(FIELDS))
    measures = [name for name in MEASURES if name in fields.value]
    if not measures:
        raise fields.wrong(f"needs one of {', '.join(MEASURES)}", code="KL142")
    kind, key = _object(fields)
    found = []
    for measure in measures:
        allowed = _OF.get(measure)
        if kind and allowed is not None and kind not in allowed:
            message = f"a {kind} has no {measure}; {', '.join(allowed)} have"
            raise fields.wrong(message, measure, on_key=True, code="KL142")
        if not kind and measure != "pending":
            raise fields.wrong("of what? name is needed", measure, on_key=True, code="KL120")
        found += [
            Expectation(kind=kind, key=key, measure=measure, sign=sign, wanted=wanted)
            for sign, wanted in _wanted(fields, kind, measure)
        ]
    return found


def _object(fields: Fields) -> tuple[str, str]:
    if "name" not in fields.value:
        return "", ""
    prefix, slash, _ = fields.text("name").partition("/")
    kind = kind_named(prefix) if slash else fields.text("kind", "Deployment")
    if not kind[:1].isupper():
        field = "name" if slash else "kind"
        raise fields.wrong(f"must be a kind such as Deployment, is {kind!r}", field, code="KL121")
    return kind, key_of(fields, kind) if not slash else key_of(_short(fields), kind)


def _short(fields: Fields) -> Fields:
    value: Mapping[str, Any] = {**fields.value, "name": fields.text("name").partition("/")[2]}
    return Fields(value=value, path=fields.path, namespace=fields.namespace, directory=fields.directory)


def _wanted(fields: Fields, kind: str, measure: str) -> list[tuple[str, Amount]]:
    """What is wanted of a measure, with the sign that compares; two of them for a range."""
    value, path = fields.value[measure], (*fields.path, measure)
    if measure in _TRUTHS or (measure == "ready" and kind in ("Pod", "Node")):
        if not isinstance(value, bool):
            raise WrongFieldError(path, f"must be true or false, is {value!r}")
        return [("==", value)]
    if measure in _TEXTS:
        if not isinstance(value, str):
            raise WrongFieldError(path, f"must be text, is {value!r}")
        return [("==", value)]
    if isinstance(value, Mapping) and value:
        for word in value:
            if word not in _WORDS:
                raise WrongFieldError((*path, word), f"must be one of {', '.join(_WORDS)}", on_key=True, code="KL112")
        found = [(_WORDS[word], _number(each, (*path, word))) for word, each in value.items()]
        least, most = (next((int(n) for sign, n in found if sign == wanted), None) for wanted in (">=", "<="))
        if least is not None and most is not None and most < least:
            raise WrongFieldError(path, f"nothing is at least {least} and at most {most}", code="KL142")
        return [*found]
    if isinstance(value, str) and (match := _SIGNED.fullmatch(value.strip())):
        return [_signed(match[1], int(match[2]), path)]
    return [("==", _number(value, path))]


def _signed(sign: str, number: int, path: FieldPath) -> tuple[str, Amount]:
    """A sign and a number with one of the signs that an expectation knows."""
    if sign == ">":
        return ">=", number + 1
    if sign == "<":
        if not number:
            raise WrongFieldError(path, "nothing is below 0", code="KL142")
        return "<=", number - 1
    return sign, number


def _number(value: Any, path: FieldPath) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise WrongFieldError(path, f"must be a number, or such as {{atLeast: 2}}, is {value!r}")
    return value
