"""Findings that rules derive: ``finding`` of the rulebook, told in the words of ``finding_code``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from kubelogic.apiserver import requests
from kubelogic.cluster.state import State
from kubelogic.logic import Row, Rulebook, Value
from kubelogic.text.location import path_of
from kubelogic.verbs.checking.findings import Finding, Severity, place, severities
from kubelogic.verbs.reconciled import Engine, Reconciled
from kubelogic.verbs.typed import PATHS, quoted

GOALS = ("finding", "remedy")
"""What the engine of a check has to be asked for beside what other verbs ask."""

COLUMNS = ("First", "Second", "Third")
"""What a sentence calls the last columns of a finding."""


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


def relational(done: Reconciled) -> Iterator[Finding]:
    """The findings that the rules derive at the end of a run, whose relations are afterwards as they were.

    Args:
        done: the run of an engine with these ``GOALS``.
    """
    rulebook, state = done.rulebook, done.run.state
    rows, remedies = (sorted(done.engine.relations(state).rows(each), key=repr) for each in GOALS)
    known, words = severities(rulebook), words_of(rulebook)
    for row in rows:
        step = _tried(done.engine, state, row, remedies, known)
        yield _finding(state, row, known.get(str(row[0]), "error"), words, step)


def _finding(state: State, row: Row, severity: Severity, words: Mapping[str, Words], step: str) -> Finding:
    code, kind, key, field = (str(each) for each in row[:4])
    obj = state.cluster.get(kind, key)
    values = dict(zip(COLUMNS, row[4:], strict=True))
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


def sentence_of(rulebook: Rulebook, row: Row) -> str:
    """What a row of ``finding`` says, for a code that has words."""
    code, kind, key = (str(each) for each in row[:3])
    return _filled(words_of(rulebook)[code].sentence, kind, key, dict(zip(COLUMNS, row[4:], strict=True)))


def _filled(sentence: str, kind: str, key: str, values: Mapping[str, Value]) -> str:
    """A sentence with the columns of a finding in it; other braces stay as they are."""
    text = " ".join(sentence.split())
    for name, value in {"Object": f"{kind} {key}", "Kind": kind, "Key": key, **values}.items():
        text = text.replace(f"{{{name}}}", str(value))
    return " ".join(text.split())


def _tried(engine: Engine, state: State, row: Row, remedies: Sequence[Row], known: Mapping[str, Severity]) -> str:
    """The first remedy of a finding that the API server takes and after which it is gone, and no error has come."""
    mine = [each for each in remedies if each[:3] == row[:3]]
    before = set(engine.relations(state).rows("finding")) if mine else set()
    for _, kind, key, target, target_key, field, value in mine:
        path = "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in path_of(str(field)))
        outcome = requests.json_patch(
            state, str(target), str(target_key), [{"op": "add", "path": path, "value": value}]
        )
        if not outcome.answer.accepted:
            continue
        after = set(engine.relations(outcome.state).rows("finding"))
        engine.relations(state)
        come = {each[:4] for each in after} - {each[:4] for each in before}
        if row not in after and not any(known.get(str(each[0]), "error") == "error" for each in come):
            whose = "" if (target, target_key) == (kind, key) else f" of {target} {target_key}"
            return f"set {field}{whose} to {value}"
    return ""
