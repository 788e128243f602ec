"""Invariants that are rule files: what each demands, in the words of whoever wrote it."""

from __future__ import annotations

import difflib
from pathlib import Path

from kubelogic.logic import Rulebook
from kubelogic.logic.parser import parse
from kubelogic.verify.invariants import UnknownInvariantError

VIOLATES = "violates"
"""The predicate of invariants that are rules: each of its rows is a violation."""


def demanded(book: Rulebook, path: Path) -> str:
    """What a rule file demands: its title, else what it says never to be.

    Args:
        book: the rules, those of the file among them: it has no fault.
        path: the file, as it was typed.

    Raises:
        UnknownInvariantError: if it demands nothing.
    """
    file = parse(path.read_text(encoding="utf-8"), str(path))
    heads = sorted({*(each.head.predicate for each in file.clauses), *(each.predicate for each in file.facts)})
    if VIOLATES not in heads:
        near = difflib.get_close_matches(VIOLATES, heads, n=1)
        what = f"it derives {', '.join(heads)}" if heads else "there is no rule in it"
        hint = f"; did you mean {VIOLATES} where it says {near[0]}?" if near else ""
        raise UnknownInvariantError(
            f"--invariant {path} demands nothing: what it derives as {VIOLATES}(...) must never be, and {what}{hint}"
        )
    title = file.header.get("title", "")
    return f"{title or f'never {book.declarations[VIOLATES].sentence!r}'} ({path})"
