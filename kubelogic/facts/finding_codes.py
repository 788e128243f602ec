"""The rows of ``finding_code``, and the heads of ``finding``, checked where they are written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from kubelogic.kinds.codes import FORM
from kubelogic.logic import Rulebook, RuleFault
from kubelogic.logic.terms import Atom, Constant
from kubelogic.patterns import regex

SEVERITIES = ("error", "warning", "note")
COLUMNS = ("Object", "Kind", "Key", "First", "Second", "Third")
"""What the sentence of a code may have in braces."""

_BRACED = regex(r"\{(\w+)\}")


def code_faults(book: Rulebook) -> Sequence[RuleFault]:
    """Every code that nobody can tell: of no form, of no severity, with words that name no column, or without words."""
    if "finding_code" not in book.declarations:
        return ()
    rows = [fact for fact in book.facts if fact.predicate == "finding_code"]
    seen: dict[str, Atom] = {}
    for row in rows:
        seen.setdefault(str(row.row[0]), row)
    found = [fault for row in rows for fault in _of_row(row, seen)]
    heads = [clause.head for clause in book.clauses_of("finding")]
    heads += [fact for fact in book.facts if fact.predicate == "finding"]
    for head in heads:
        code = head.terms[0]
        if isinstance(code, Constant) and code.value not in seen:
            hint = (
                _near(str(code.value), seen)
                or f"add: + finding_code({str(code.value)!r}, SEVERITY, MEANING, SENTENCE, HELPS)"
            )
            found.append(RuleFault(place=head.place, message=f"the code {code.value!r} has no finding_code", hint=hint))
    return found


def _of_row(row: Atom, seen: dict[str, Atom]) -> Iterator[RuleFault]:
    code, severity, _, sentence, _ = map(str, row.row)
    if not FORM.fullmatch(code):
        message = f"{code!r} is no code: capital letters, then digits"
        yield RuleFault(place=row.place, message=message, hint="such as HOUSE1")
    if seen[code] is not row:
        first = seen[code].place
        yield RuleFault(
            place=row.place, message=f"the code {code!r} has words already", hint=f"{first.file}:{first.line} has them"
        )
    if severity not in SEVERITIES:
        message = f"there is no severity {severity!r}"
        yield RuleFault(place=row.place, message=message, hint=_near(severity, SEVERITIES) or _listed(SEVERITIES))
    for name in _BRACED.findall(sentence):
        if name not in COLUMNS:
            message = f"a finding has no {{{name}}} for the words"
            yield RuleFault(place=row.place, message=message, hint=_near(name, COLUMNS) or _listed(COLUMNS))


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]}?" if near else ""


def _listed(names: Iterable[str]) -> str:
    return f"there are: {', '.join(names)}"
