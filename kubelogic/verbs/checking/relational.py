"""Findings that rules derive: ``finding`` of the rulebook, told in the words of ``finding_code``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from kubelogic.apiserver import requests
from kubelogic.cluster.state import State
from kubelogic.logic import Row, Rulebook, Value
from kubelogic.reconcile.relations import Relations
from kubelogic.text.location import path_of
from kubelogic.verbs.checking.findings import Finding, Severity, place, severities
from kubelogic.verbs.typed import PATHS, quoted

GOALS = ("finding", "remedy")


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """How a code is told."""

    sentence: str
    helps: str


def words_of(rulebook: Rulebook) -> Mapping[str, Words]:
    """The words of every code of the rulebook that has any."""
    return {
        str(fact.row[0]): Words(sentence=str(fact.row[3]), helps=str(fact.row[4]))
        for fact in rulebook.facts
        if fact.predicate == "finding_code"
    }


def relational(rulebook: Rulebook, state: State) -> Iterator[Finding]:
    """The findings that the rules derive in a state.

    Args:
        rulebook: the rules.
        state: as its controllers leave it.
    """
    relations = Relations(rulebook, GOALS)
    rows = sorted(relations.advance(state).rows("finding"), key=repr)
    known, words = severities(rulebook), words_of(rulebook)
    remedies = sorted(relations.advance(state).rows("remedy"), key=repr)
    for row in rows:
        step = _tried(relations, state, row, remedies, known)
        yield _finding(state, row, known.get(str(row[0]), "error"), words, step)


def _finding(state: State, row: Row, severity: Severity, words: Mapping[str, Words], step: str) -> Finding:
    code, kind, key, field = (str(each) for each in row[:4])
    obj = state.cluster.get(kind, key)
    values = dict(zip(("First", "Second", "Third"), row[4:], strict=True))
    told = words.get(code, Words(sentence="{Object} has the finding {First} {Second} {Third}", helps=""))
    atom = quoted(f"finding('{code}','{kind}','{key}',_,_,_,_)")
    why = f"kubelogic why --settled {atom} {PATHS}"
    return Finding(
        code=code,
        severity=severity,
        message=_filled(told.sentence, kind, key, values),
        api_version=obj.api_version if obj is not None else "",
        kind=kind,
        key=key,
        location=place(state.cluster, obj, path_of(field)),
        helps=told.helps,
        step=step or why,
        checked=bool(step),
        about=(field, *(value for value in values.values() if isinstance(value, str))),
    )


def _filled(sentence: str, kind: str, key: str, values: Mapping[str, Value]) -> str:
    """A sentence with the columns of a finding in it; other braces stay as they are."""
    text = " ".join(sentence.split())
    for name, value in {"Object": f"{kind} {key}", "Kind": kind, "Key": key, **values}.items():
        text = text.replace(f"{{{name}}}", str(value))
    return " ".join(text.split())


def _tried(relations: Relations, state: State, row: Row, remedies: Sequence[Row], known: Mapping[str, Severity]) -> str:
    """The first remedy of a finding that the API server takes and after which it is gone, and no error has come."""
    before = set(relations.advance(state).rows("finding"))
    for code, kind, key, target, target_key, field, value in remedies:
        if (code, kind, key) != row[:3]:
            continue
        path = "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in path_of(str(field)))
        outcome = requests.json_patch(
            state, str(target), str(target_key), [{"op": "add", "path": path, "value": value}]
        )
        if not outcome.answer.accepted:
            continue
        after = set(relations.advance(outcome.state).rows("finding"))
        relations.advance(state)
        come = {each[:4] for each in after} - {each[:4] for each in before}
        if row not in after and not any(known.get(str(each[0]), "error") == "error" for each in come):
            whose = "" if (target, target_key) == (kind, key) else f" of {target} {target_key}"
            return f"set {field}{whose} to {value}"
    return ""
