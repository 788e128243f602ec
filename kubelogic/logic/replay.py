"""Proofs checked by evaluation: the leaves of a proof, alone, must derive its goal again."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from kubelogic.logic.evaluation import Evaluation
from kubelogic.logic.plan import Function, kept_columns
from kubelogic.logic.proofs import Proof
from kubelogic.logic.rulebook import Rulebook
from kubelogic.logic.solving import Absence, Fact
from kubelogic.logic.terms import Argument, Atom, BodyItem, Declaration, Literal, Row


def replay(rulebook: Rulebook, functions: Mapping[str, Function], proof: Proof) -> bool:
    """Whether the goal of a proof follows from its leaves and nothing else. See ``Replayer``."""
    return Replayer(rulebook, functions).holds(proof)


class Replayer:
    """Replays proofs in a world where nothing is given but their leaves.

    Every negated literal of the rules is satisfied only by absences that the proof names.
    """

    def __init__(self, rulebook: Rulebook, functions: Mapping[str, Function]) -> None:
        """Prepare the rules.

        Args:
            rulebook: the rules of the proofs.
            functions: the functions that they call.
        """
        absent: dict[str, Declaration] = {}
        clauses = tuple(
            replace(clause, body=tuple(_explicit(item, rulebook, absent) for item in clause.body))
            for clause in rulebook.clauses
        )
        self._functions = functions
        self._rulebook = Rulebook.assemble(
            files=rulebook.files, declarations={**rulebook.declarations, **absent}, clauses=clauses, facts=()
        )

    def holds(self, proof: Proof) -> bool:
        """Whether the goal of a proof follows from its leaves."""
        facts: dict[str, set[Row]] = {}
        for leaf in proof.leaves():
            match leaf:
                case Fact(predicate=predicate, row=row):
                    facts.setdefault(predicate, set()).add(row)
                case Absence(predicate=predicate, pattern=pattern):
                    kept = tuple(i for i, value in enumerate(pattern) if value is not None)
                    row = tuple(value for value in pattern if value is not None)
                    facts.setdefault(_name(predicate, kept), set()).add(row)
        known = {name: rows for name, rows in facts.items() if name in self._rulebook.declarations}
        evaluation = Evaluation(self._rulebook, self._functions, goals=[proof.goal.predicate])
        evaluation.update(known)
        return evaluation.holds(proof.goal.predicate, proof.goal.row)


def _explicit(item: BodyItem, rulebook: Rulebook, absent: dict[str, Declaration]) -> BodyItem:
    """``~p(X, _)`` as the positive literal ``no p with X``."""
    if not isinstance(item, Literal) or not item.negated or rulebook.declarations[item.atom.predicate].function:
        return item
    kept = kept_columns(item)
    if kept is None:
        kept = tuple(range(len(item.atom.terms)))
    name = _name(item.atom.predicate, kept)
    declared = rulebook.declarations[item.atom.predicate]
    arguments = tuple(Argument(name=declared.arguments[i].name, type="any") for i in kept)
    absent[name] = Declaration(predicate=name, arguments=arguments, sentence="", place=declared.place)
    atom = Atom(predicate=name, terms=tuple(item.atom.terms[i] for i in kept), place=item.atom.place)
    return Literal(atom=atom)


def _name(predicate: str, kept: tuple[int, ...]) -> str:
    return f"absent_{predicate}_{'_'.join(map(str, kept))}"
