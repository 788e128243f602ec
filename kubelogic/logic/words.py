"""Proofs in words: the declared sentences, put together. Wording only; what is said is decided in ``proofs``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubelogic.logic.proofs import Attempt, Derived, Given, NotDerived, Proof, Step
from kubelogic.logic.rulebook import Rulebook
from kubelogic.logic.solving import Absence, Compared, Computed, Env, Fact, NoValue, Premise, pattern_of
from kubelogic.logic.terms import PLACEHOLDER, Comparison, Literal, Pattern, Value

Format = Callable[[Value, Mapping[str, Value]], str]
"""How a value is written, given the known values of its row by the types of their arguments."""

Formats = Mapping[str, Format]
"""How values of a type are written, by the name of the type; ``str`` where there is none."""

_TWICE = re.compile(r"\b(any (\w+)) \2\b")
"""An unbound argument whose name the sentence says right behind it: ``any free free``."""
_MANY = 12
"""A step with more premises than this (an aggregate) shows the first ones."""


class Words:
    """Says facts, proofs and refutations of one rulebook in English."""

    def __init__(self, rulebook: Rulebook, formats: Formats | None = None) -> None:
        """Prepare wording.

        Args:
            rulebook: whose declarations give the sentences.
            formats: how values of some types are written.
        """
        self._book = rulebook
        self._formats = formats or {}

    # -- atoms ---------------------------------------------------------------------------------------------

    def sentence(self, predicate: str, pattern: Pattern) -> str:
        """The declared sentence with values; ``any Name`` where there is none, ``any amount`` for a quantity."""
        declaration = self._book.declarations[predicate]
        values: dict[str, str] = {}
        arguments = list(zip(declaration.arguments, pattern, strict=True))
        row = {argument.type: value for argument, value in arguments if value is not None}
        for argument, value in arguments:
            if value is None:
                name = "amount" if argument.type == "quantity" else _spaced(argument.name)
                values[argument.name] = f"any {name}"
            else:
                write = self._formats.get(argument.type)
                values[argument.name] = write(value, row) if write else str(value)
        said = PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), declaration.sentence)
        return _TWICE.sub(r"\1", said) if None in pattern else said

    def atom(self, predicate: str, pattern: Pattern) -> str:
        """The atom as a rule file writes it, ``_`` for any value."""
        texts = ["_" if value is None else repr(value) for value in pattern]
        if self._book.declarations[predicate].functional:
            return f"({predicate}[{', '.join(texts[:-1])}] == {texts[-1]})"
        return f"{predicate}({', '.join(texts)})"

    def premise(self, premise: Premise) -> str:
        """One premise as a sentence."""
        match premise:
            case Fact(predicate=predicate, row=row):
                return self.sentence(predicate, row)
            case Absence(predicate=predicate, pattern=pattern):
                return f"it is not so that {self.sentence(predicate, pattern)}"
            case Computed(predicate=predicate, row=row, negated=negated):
                return ("it is not so that " if negated else "") + self.sentence(predicate, row)
            case Compared(left=left, operator=operator, right=right, text=text):
                shown = f"{left!r} {operator} {right!r}"
                return text if operator == "==" and left == right else f"{text}: {shown}"

    # -- proofs --------------------------------------------------------------------------------------------

    def proof(self, proof: Proof, show_origin: Callable[[object], str] = str) -> str:
        """A derivation as an indented tree; a fact that was explained before is only named again."""
        lines: list[str] = []
        told: dict[Fact, int] = {}
        steps = {step.fact: step for step in proof.steps}
        todo: list[tuple[Premise, str, str]] = [(proof.goal, "", "")]
        while todo:
            premise, branch, indent = todo.pop()
            if not isinstance(premise, Fact):
                kind = "absent" if isinstance(premise, Absence) else "computed"
                lines.append(f"{branch}{self.premise(premise)}  [{kind}]")
                continue
            step = steps[premise]
            if premise in told and isinstance(step, Derived):
                lines.append(f"{branch}{self.premise(premise)}  [see line {told[premise]}]")
                continue
            told[premise] = len(lines) + 1
            lines.append(f"{branch}{self.premise(premise)}  [{self.reason(step, show_origin)}]")
            if isinstance(step, Derived):
                shown = step.premises[:_MANY]
                if len(shown) < len(step.premises):
                    lines[-1] += f" from {len(step.premises)} premises; the first {len(shown)}:"
                for number, child in reversed(list(enumerate(shown, 1))):
                    mark, bar = ("└─ ", "   ") if number == len(shown) else ("├─ ", "│  ")
                    todo.append((child, indent + mark, indent + bar))
        return "\n".join(lines)

    def reason(self, step: Step, show_origin: Callable[[object], str] = str) -> str:
        """Why one step holds: where a given fact comes from, or which rule derives it."""
        match step:
            case Derived(clause=clause):
                how = f"{clause.aggregate.function.rstrip('_')} by " if clause.aggregate else ""
                return f"{how}{clause.place.file}:{clause.place.line}"
            case Given(place=None, origin=None):
                return "given"
            case Given(place=None, origin=origin):
                return f"given, {show_origin(origin)}"
            case Given(place=place):
                assert place is not None
                return f"given, {place.row}"

    def proof_document(self, proof: Proof, show_origin: Callable[[object], Any] = str) -> dict[str, Any]:
        """A proof as plain data: numbered steps, each fact once."""
        number = {step.fact: i for i, step in enumerate(proof.steps, 1)}
        steps: list[dict[str, Any]] = []
        for step in proof.steps:
            entry: dict[str, Any] = {"step": number[step.fact], **self._fact_document(step.fact)}
            match step:
                case Given(place=place, origin=origin):
                    entry["kind"] = "given"
                    if place is not None and place.file.endswith(".dl"):
                        entry["rule"] = {"file": place.file, "line": place.line}
                    elif place is not None:
                        at = {"file": place.file, "line": place.line, "column": place.column}
                        entry["origin"] = at if place.line else {"author": place.file}
                    elif origin is not None:
                        entry["origin"] = show_origin(origin)
                case Derived(clause=clause, premises=premises, height=height):
                    entry["kind"] = "derived"
                    entry["height"] = height
                    entry["rule"] = {"file": clause.place.file, "line": clause.place.line, "text": clause.text}
                    entry["premises"] = [
                        {"step": number[p]} if isinstance(p, Fact) else self._premise_document(p) for p in premises
                    ]
            steps.append(entry)
        return {"holds": True, **self._fact_document(proof.goal), "steps": steps}

    def _fact_document(self, fact: Fact) -> dict[str, Any]:
        text = self.atom(fact.predicate, fact.row)
        return {
            "fact": text,
            "predicate": fact.predicate,
            "values": list(fact.row),
            "text": self.sentence(fact.predicate, fact.row),
        }

    def _premise_document(self, premise: Premise) -> dict[str, Any]:
        match premise:
            case Fact():
                return self._fact_document(premise)
            case Absence(predicate=predicate, pattern=pattern):
                return {"kind": "absent", "fact": self.atom(predicate, pattern), "text": self.premise(premise)}
            case _:
                return {"kind": "computed", "text": self.premise(premise)}

    # -- refutations ---------------------------------------------------------------------------------------

    def refutation(self, refutation: NotDerived, show_origin: Callable[[object], str] = str) -> str:
        """What each candidate clause lacks, as an indented text."""
        return "\n".join(self._refutation(refutation, "", show_origin))

    def _refutation(self, refutation: NotDerived, indent: str, show_origin: Callable[[object], str]) -> Iterator[str]:
        yield f"{indent}it is not so that {self.sentence(refutation.predicate, refutation.pattern)}"
        if not refutation.attempts:
            clauses = self._book.clauses_of(refutation.predicate)
            yield f"{indent}  " + ("no rule fits these values" if clauses else "no such fact is given")
        for attempt in refutation.attempts:
            yield from self._attempt(attempt, indent + "  ", show_origin)

    def _attempt(self, attempt: Attempt, indent: str, show_origin: Callable[[object], str]) -> Iterator[str]:
        place = attempt.clause.place
        yield f"{indent}{place.file}:{place.line} meets {len(attempt.met)} of {attempt.length}:"
        for premise in attempt.met:
            yield f"{indent}  + {self.premise(premise)}"
        if attempt.failed is None:
            other = self.premise(attempt.found) if attempt.found else "it derives other values"
            yield f"{indent}  - {other}"
            return
        yield f"{indent}  - {self.item(attempt)}"
        blockers = attempt.blockers
        if attempt.proof is not None:
            first, *rest = self.proof(attempt.proof, show_origin).split("\n")
            yield f"{indent}      because {first}"
            yield from (f"{indent}      {line}" for line in rest)
            blockers = blockers[1:]
        for blocker in blockers:
            yield f"{indent}      {'and ' if attempt.proof else ''}because {self.premise(blocker)}"
        if attempt.why is not None:
            lines = list(self._refutation(attempt.why, indent + "    ", show_origin))
            yield from lines[1:]

    def item(self, attempt: Attempt) -> str:
        """The body item at which an attempt failed, with the values known then."""
        match attempt.failed:
            case Literal(atom=atom, negated=negated):
                sentence = self.sentence(atom.predicate, _pattern(attempt.failed, attempt.values))
                return f"{'it must not be so that' if negated else 'it should be so that'} {sentence}"
            case Comparison():
                return f"{attempt.failed} does not hold{_known(attempt.failed, attempt.values)}"
            case None:
                return ""

    def refutation_document(self, refutation: NotDerived, show_origin: Callable[[object], Any] = str) -> dict[str, Any]:
        """A refutation as plain data."""
        return {
            "holds": False,
            "fact": self.atom(refutation.predicate, refutation.pattern),
            "predicate": refutation.predicate,
            "values": list(refutation.pattern),
            "text": self.sentence(refutation.predicate, refutation.pattern),
            "attempts": [self._attempt_document(attempt, show_origin) for attempt in refutation.attempts],
        }

    def _attempt_document(self, attempt: Attempt, show_origin: Callable[[object], Any]) -> dict[str, Any]:
        clause = attempt.clause
        document: dict[str, Any] = {
            "rule": {"file": clause.place.file, "line": clause.place.line, "text": clause.text},
            "met": [self._premise_document(premise) for premise in attempt.met],
            "items": attempt.length,
        }
        if attempt.failed is not None:
            document["failed"] = {"literal": str(attempt.failed), "text": self.item(attempt)}
            document["values"] = dict(sorted(attempt.values.items()))
        if attempt.blockers:
            document["blockers"] = [self._fact_document(fact) for fact in attempt.blockers]
        if attempt.proof is not None:
            document["proof"] = self.proof_document(attempt.proof, show_origin)
        if attempt.found is not None:
            document["found"] = self._fact_document(attempt.found)
        if attempt.why is not None:
            document["why"] = self.refutation_document(attempt.why, show_origin)
        return document


def _pattern(item: Literal, values: Env) -> Pattern:
    try:
        return pattern_of(item.atom, values)
    except NoValue:
        return (None,) * len(item.atom.terms)


def _known(item: Comparison, values: Env) -> str:
    names = sorted({name for name in re.findall(r"\b[A-Z]\w*", str(item)) if name in values})
    return f", where {', '.join(f'{name} is {values[name]!r}' for name in names)}" if names else ""


def _spaced(name: str) -> str:
    """``NodeClass`` as ``node class``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
