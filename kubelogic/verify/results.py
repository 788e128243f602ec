"""What a verification says: it holds (over what exactly), it is broken (with the run), or nobody knows (why)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from kubelogic.text import Notice
from kubelogic.verbs.shown import Shown
from kubelogic.verify.watching import Violation

Verdict = Literal["holds", "broken", "unknown"]


class Counterexample(msgspec.Struct, frozen=True, kw_only=True):
    """A run that breaks something: nothing of it can be left out.

    Attributes:
        steps: what happens when, as in a scenario file of ``kubelogic simulate``: times are from the first moment on,
            in which controllers have done nothing yet.
        horizon: the time up to which the run goes, in milliseconds; 0: until nothing more happens.
        violations: what is broken, the first first.
        objects: objects that belong to it and that the input has not, or has otherwise.
        told: the same in words, where steps do not tell all.
        scheduler: which scheduler it was.
        replayed: whether it was run again from the input on and broke the same.
    """

    steps: tuple[Mapping[str, Any], ...] = ()
    violations: tuple[Violation, ...] = ()
    objects: tuple[Mapping[str, Any], ...] = ()
    told: tuple[str, ...] = ()
    scheduler: str = "optimal"
    replayed: bool = False
    horizon: int = 0


class Verification(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """What came of one question.

    Attributes:
        question: what was asked.
        verdict: the answer.
        scope: over what exactly it holds, or what was tried.
        invariants: what has to hold, a sentence each.
        cases: how many cases there are.
        tried: how many of them were run.
        alike: how many follow from one that was run, as nothing tells them apart.
        proved: what was proved instead of tried, a sentence each.
        already: what is broken before anything happens, and not held against what happens then.
        counterexample: for ``broken``.
        reason: for ``unknown``: which limit.
        order: for drains: the order that works, with the time that each takes in milliseconds.
        notices: what is used and not modelled.
        missing: what the input lacks for an answer.
    """

    question: str = ""
    verdict: Verdict
    scope: str
    invariants: tuple[str, ...] = ()
    cases: int = 0
    tried: int = 0
    alike: int = 0
    proved: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    reason: str = ""
    order: tuple[tuple[str, int], ...] = ()
    notices: tuple[Notice, ...] = ()
    missing: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Verification: {self.question}: {self.verdict}; {self.tried} of {self.cases} cases run>"
