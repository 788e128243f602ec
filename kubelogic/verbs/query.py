"""Query and why: the rulebook's own answers about a cluster as it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubelogic.cluster import Cluster
from kubelogic.explain.origins import Origins
from kubelogic.explain.relations import derive
from kubelogic.facts import FactBase, modules_for
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation, Row, Rulebook, Value
from kubelogic.logic.plan import needed
from kubelogic.logic.proofs import NotDerived, Proof, Prover
from kubelogic.logic.terms import Pattern
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.tick import Reconciler
from kubelogic.verbs.reconciled import begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The rows of a predicate that fit a pattern, sorted."""

    rulebook: Rulebook
    predicate: str
    pattern: Pattern
    rows: tuple[Row, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the arguments that were asked for."""
        arguments = self.rulebook.declarations[self.predicate].arguments
        return tuple(a.name for a, value in zip(arguments, self.pattern, strict=True) if value is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Proofs of the rows that fit a pattern (``others`` more were left out), or what keeps them from being derived."""

    rulebook: Rulebook
    predicate: str
    pattern: Pattern
    proofs: tuple[Proof, ...] = ()
    others: int = 0
    refutation: NotDerived | None = None


def query(
    cluster: Cluster, atom: str, *, rules: Sequence[Path] = (), parameters: Mapping[str, Value] | None = None
) -> Status:
    """All rows that fit an atom. A question with values in it is answered top-down, if it does not depend on the time.

    Args:
        cluster: the objects to ask about.
        atom: such as ``rejects_taint('shop/cart', Node, Key, _, _)``.
        rules: directories of further rules.
        parameters: rule parameters that differ from the built-in ones.

    Raises:
        RuleErrors: if the rules, the parameters or the atom are faulty.
    """
    book = load_rulebook(rules, parameters)
    predicate, pattern = book.atom(atom)
    if all(value is None for value in pattern) or _needs_time(book, predicate):
        known = {i: value for i, value in enumerate(pattern) if value is not None}
        rows = list(_evaluate(book, cluster, [predicate]).matching(predicate, known))
    else:
        from kubelogic.logic.topdown import TopDown

        rows = TopDown(book, FactBase(modules_for(book)).update(cluster).added, FUNCTIONS).ask(predicate, pattern)
    return Status(rulebook=book, predicate=predicate, pattern=pattern, rows=tuple(sorted(rows, key=_order)))


def why(
    cluster: Cluster,
    atom: str,
    *,
    rules: Sequence[Path] = (),
    parameters: Mapping[str, Value] | None = None,
    limit: int = 1,
) -> Explanation:
    """Why an atom holds, or why nothing that fits it does.

    Args:
        cluster: the objects to ask about.
        atom: with values or variables.
        rules: directories of further rules.
        parameters: rule parameters that differ from the built-in ones.
        limit: how many of the rows that fit are proved.

    Raises:
        RuleErrors: if the rules, the parameters or the atom are faulty.
    """
    book = load_rulebook(rules, parameters)
    predicate, pattern = book.atom(atom)
    evaluation = _evaluate(book, cluster, [predicate, *({"pod_shape", "node_class"} & set(book.declarations))])
    prover = Prover(evaluation, origin=Origins(cluster, evaluation))
    rows = prover.select(predicate, pattern)
    if not rows:
        refutation = prover.why_not(predicate, pattern)
        return Explanation(rulebook=book, predicate=predicate, pattern=pattern, refutation=refutation)
    proofs = tuple(proof for row in rows[:limit] if (proof := prover.prove(predicate, row)))
    others = len(rows) - len(proofs)
    return Explanation(rulebook=book, predicate=predicate, pattern=pattern, proofs=proofs, others=others)


def _needs_time(book: Rulebook, predicate: str) -> bool:
    """Whether a predicate depends on what only a tick knows: the time, and what controllers remember."""
    return not needed(book, [predicate]).isdisjoint(("now", "passed", "memory"))


def _evaluate(book: Rulebook, cluster: Cluster, goals: Sequence[str]) -> Evaluation:
    """The relations of a cluster, with those of a first tick only if the goals depend on it."""
    state, _ = begin(cluster, book)
    if not any(_needs_time(book, goal) for goal in goals):
        return derive(book, state.cluster, goals)
    reconciler = Reconciler(book, functions=FUNCTIONS, goals=goals)
    reconciler.advance(state)
    return reconciler.relations


def _order(row: Row) -> tuple[tuple[bool, Value], ...]:
    return tuple((isinstance(value, str), value) for value in row)
