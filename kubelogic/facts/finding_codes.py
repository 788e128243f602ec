"""The rows of ``finding_code``, the heads of ``finding`` and the codes of filters, checked where they are written."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence

from kubelogic.kinds.codes import CODES, FORM
from kubelogic.logic import Rulebook, RuleFault
from kubelogic.logic.terms import PLACEHOLDER, Atom, Constant

SEVERITIES = ("error", "warning", "note")
COLUMNS = ("Object", "Kind", "Key", "First", "Second", "Third")
"""What the sentence of a code may have in braces."""

_TABLES = ("filter", "holds_back", "finding_code")
"""The tables that give codes, each in its column ``Code``."""
_SHARED = "KL200"
"""The code of filters without one of their own."""


def code_faults(book: Rulebook, is_built_in: Callable[[str], bool]) -> Sequence[RuleFault]:
    """Every code that cannot be told: of no form or severity, with words that name no column, without words, or taken.

    Args:
        book: all files.
        is_built_in: whether a file, by the path that is shown, is one of the built-in ones.
    """
    if "finding_code" not in book.declarations:
        return ()
    rows = [fact for fact in book.facts if fact.predicate == "finding_code"]
    found = list(_taken(book, is_built_in))
    seen: dict[str, Atom] = {}
    for row in rows:
        seen.setdefault(str(row.row[0]), row)
    found += [fault for row in rows for fault in _of_row(row, seen)]
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


def _taken(book: Rulebook, is_built_in: Callable[[str], bool]) -> Iterator[RuleFault]:
    """Codes of users' files that are built in: each has one meaning, and one page."""
    column = {
        table: [argument.name for argument in book.declarations[table].arguments].index("Code")
        for table in _TABLES
        if table in book.declarations
    }
    rows = [(fact, str(fact.row[column[fact.predicate]])) for fact in book.facts if fact.predicate in column]
    own = {file for file in {fact.place.file for fact, _ in rows} if not is_built_in(file)}
    first: dict[str, Atom] = {}
    for fact, code in rows:
        if fact.place.file not in own:
            first.setdefault(code, fact)
    for fact, code in rows:
        there = first.get(code)
        told = there is not None and fact.predicate == there.predicate == "finding_code"  # as one with two rows
        if fact.place.file in own and code != _SHARED and not told and (there is not None or code in CODES):
            means = f"{there.place.row} has it" if there is not None else f"it stands for: {CODES[code]}"
            hint = f"{means}; take one of your own, such as OPS1"
            yield RuleFault(place=fact.place, message=f"the code {code!r} is built in already", hint=hint)


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
    for name in PLACEHOLDER.findall(sentence):
        if name not in COLUMNS:
            message = f"a finding has no {{{name}}} for the words"
            yield RuleFault(place=row.place, message=message, hint=_near(name, COLUMNS) or _listed(COLUMNS))


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]}?" if near else ""


def _listed(names: Iterable[str]) -> str:
    return f"there are: {', '.join(names)}"
