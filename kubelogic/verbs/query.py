"""Query and why: the rulebook's own answers about a cluster, in the very world that ``plan`` starts from."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.explain.hints import OFFERS, Question, hints, of_alike
from kubelogic.explain.origins import GOALS, Origins
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Row, Rulebook, Value
from kubelogic.logic.plan import needed
from kubelogic.logic.proofs import Given, NotDerived, Proof, Prover
from kubelogic.logic.solving import Fact
from kubelogic.logic.terms import Pattern
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.relations import Relations, given_facts
from kubelogic.verbs.arguments import COUNT, FLAG, expect, one_of
from kubelogic.verbs.default_roles import with_default_roles
from kubelogic.verbs.missing import NO_NODES, NOTHING, Lacking, lacking
from kubelogic.verbs.reconciled import Options, begin, expect_cluster, reconcile
from kubelogic.verbs.shown import Shown

Engine = Literal["compiled", "pydatalog"]
"""Who resolves a question: both give the same rows; see ``docs/explanation/evaluation.md``."""

_PATIENCE = 10.0
"""Seconds for each solve when the cluster is only settled to see whether more would fit then."""

_MANY = 5_000
"""Clusters that ask for more pods than this are not settled for a hint."""

_CHANGING = frozenset(
    {"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "ReplicationController", "StatefulSet"}
)
"""Kinds of which a plan makes or places pods."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QueryResult(Shown):
    """The rows of a predicate that fit a pattern, sorted; where there are none, ``hints`` say what would have some.

    They also say for which pod or node another one that is like it was asked about.

    ``rulebook`` has the declarations; results are equal whatever else it holds.
    """

    rulebook: Rulebook = field(compare=False)
    predicate: str
    pattern: Pattern
    rows: tuple[Row, ...]
    hints: tuple[str, ...] = ()
    lacking: Lacking = NOTHING

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the arguments that were asked for."""
        arguments = self.rulebook.declarations[self.predicate].arguments
        return tuple(a.name for a, value in zip(arguments, self.pattern, strict=True) if value is None)

    def __repr__(self) -> str:
        return f"<Query of {self.predicate}: {len(self.rows)} {'row' if len(self.rows) == 1 else 'rows'}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WhyResult(Shown):
    """Proofs of the rows that fit a pattern (``others`` more were left out), or what keeps them from being derived."""

    rulebook: Rulebook = field(compare=False)
    predicate: str
    pattern: Pattern
    proofs: tuple[Proof, ...] = ()
    others: int = 0
    refutation: NotDerived | None = None
    hints: tuple[str, ...] = ()
    lacking: Lacking = NOTHING

    def __repr__(self) -> str:
        if self.refutation is not None or not self.proofs:
            return f"<Why {self.predicate}: nothing that fits holds>"
        return f"<Why {self.predicate}: {len(self.proofs)} proved, {self.others} more>"


def query(
    cluster: Cluster,
    atom: str,
    *,
    rules: Sequence[Path] = (),
    parameters: Mapping[str, Value] | None = None,
    settled: bool = False,
    timeout: float = 60.0,
    engine: Engine = "compiled",
) -> QueryResult:
    """All rows that fit an atom.

    Args:
        cluster: the objects to ask about.
        atom: such as ``rejects_taint('shop/cart', Node, Key, _, _)``.
        rules: directories of further rules.
        parameters: rule parameters that differ from the built-in ones.
        settled: ask about the cluster as ``plan`` leaves it, not as it stands.
        timeout: seconds that placements may take together, if it is settled.
        engine: who resolves the question.

    Raises:
        RuleErrors: if the rules, the parameters or the atom are faulty.
        TypeError: an argument of another type.
        ValueError: an argument that is out of range.
    """
    expect(FLAG, settled=settled)
    expect(one_of(get_args(Engine)), engine=engine)
    options = _options(rules, parameters, timeout)
    book, predicate, pattern = _asked(cluster, atom, options)
    cluster, beside = _with_roles(book, cluster, predicate)
    state = _state(book, cluster, options, settled=settled)
    pattern, told = of_alike(Question(rulebook=book, state=state, predicate=predicate, pattern=pattern))
    question = Question(rulebook=book, state=state, predicate=predicate, pattern=pattern)
    rows = ask(book, state, predicate, pattern, engine=engine)
    return QueryResult(
        rulebook=book,
        predicate=predicate,
        pattern=pattern,
        rows=tuple(sorted(rows, key=_order)),
        hints=told if rows else (*told, *_hints(book, question, cluster, options, settled=settled)),
        lacking=_lacking(cluster, state, beside, by_nodes=settled or _by_nodes(book, predicate)),
    )


def why(
    cluster: Cluster,
    atom: str,
    *,
    rules: Sequence[Path] = (),
    parameters: Mapping[str, Value] | None = None,
    settled: bool = False,
    timeout: float = 60.0,
    limit: int = 1,
) -> WhyResult:
    """Why an atom holds, or why nothing that fits it does.

    Args:
        cluster: the objects to ask about.
        atom: with values or variables.
        rules: directories of further rules.
        parameters: rule parameters that differ from the built-in ones.
        settled: ask about the cluster as ``plan`` leaves it, not as it stands.
        timeout: seconds that placements may take together, if it is settled.
        limit: how many of the rows that fit are proved.

    Raises:
        RuleErrors: if the rules, the parameters or the atom are faulty.
        TypeError: an argument of another type.
        ValueError: an argument that is out of range.
    """
    expect(FLAG, settled=settled)
    expect(COUNT, limit=limit)
    options = _options(rules, parameters, timeout)
    book, predicate, pattern = _asked(cluster, atom, options)
    cluster, beside = _with_roles(book, cluster, predicate)
    state = _state(book, cluster, options, settled=settled)
    if book.declarations[predicate].function and (results := ask(book, state, predicate, pattern)):
        steps = [
            Given(fact=Fact(predicate=predicate, row=row), place=book.declarations[predicate].place) for row in results
        ]
        proofs = tuple(Proof(goal=step.fact, steps=(step,)) for step in steps)
        return WhyResult(rulebook=book, predicate=predicate, pattern=pattern, proofs=proofs)
    lacks = _lacking(cluster, state, beside, by_nodes=settled or _by_nodes(book, predicate))
    pattern, told = of_alike(Question(rulebook=book, state=state, predicate=predicate, pattern=pattern))
    evaluation = Relations.of(book, state, [predicate, *GOALS])
    prover = Prover(evaluation, origin=Origins(state, evaluation, loaded=cluster))
    rows = prover.select(predicate, pattern)
    if not rows:
        question = Question(rulebook=book, state=state, predicate=predicate, pattern=pattern)
        return WhyResult(
            rulebook=book,
            predicate=predicate,
            pattern=pattern,
            refutation=prover.why_not(predicate, pattern),
            hints=(*told, *_hints(book, question, cluster, options, settled=settled)),
            lacking=lacks,
        )
    proofs = tuple(proof for row in rows[:limit] if (proof := prover.prove(predicate, row)))
    others = len(rows) - len(proofs)
    return WhyResult(
        rulebook=book, predicate=predicate, pattern=pattern, proofs=proofs, others=others, hints=told, lacking=lacks
    )


def _asked(cluster: Cluster, atom: str, options: Options) -> tuple[Rulebook, str, Pattern]:
    expect_cluster(cluster)
    if not isinstance(atom, str):
        raise TypeError(f"an atom is text such as node(N), not {atom!r}")
    book = load_rulebook(options.rules, options.parameters)
    return book, *book.atom(atom)


def _with_roles(book: Rulebook, cluster: Cluster, predicate: str) -> tuple[Cluster, tuple[str, ...]]:
    """The cluster with the roles that bindings name, if a question is about them, and what is to be said of that."""
    if "binding" not in needed(book, [predicate]):
        return cluster, ()
    known = with_default_roles(cluster)
    return known.cluster, known.remarks


def _by_nodes(book: Rulebook, predicate: str) -> bool:
    """Whether anything that a question rests on is read from nodes."""
    return "node" in needed(book, [predicate])


def _lacking(cluster: Cluster, state: State, beside: tuple[str, ...], *, by_nodes: bool) -> Lacking:
    """What the input lacks; that it has no node only where the answer rests on nodes."""
    found = lacking(cluster, state.cluster)
    remarks = found.remarks if by_nodes else tuple(each for each in found.remarks if each != NO_NODES)
    return replace(found, remarks=(*remarks, *beside))


def _options(rules: Sequence[Path], parameters: Mapping[str, Value] | None, timeout: float) -> Options:
    clock = time.monotonic
    return Options(rules=rules, parameters=parameters, timeout=timeout, clock=clock, deadline=clock() + timeout)


def _state(book: Rulebook, cluster: Cluster, options: Options, *, settled: bool) -> State:
    """The state that a question is about: as ``plan`` finds the cluster, or as it leaves it."""
    return reconcile(cluster, options).run.state if settled else begin(cluster, book)[0]


def ask(
    book: Rulebook, state: State, predicate: str, pattern: Pattern, *, engine: Engine = "compiled"
) -> Sequence[Row]:
    """The rows of a predicate that fit a pattern in a state, in no promised order.

    Args:
        book: the rules.
        state: what is asked about.
        predicate: a declared predicate. A function answers if all arguments but the last are given.
        pattern: a value for each argument, None for any.
        engine: who resolves the question.
    """
    if book.declarations[predicate].function:
        given = tuple(value for value in pattern[:-1] if value is not None)
        result = FUNCTIONS[predicate](*given) if len(given) == len(pattern) - 1 else None
        return [(*given, result)] if result is not None and pattern[-1] in (None, result) else []
    if engine == "compiled":
        known = {i: value for i, value in enumerate(pattern) if value is not None}
        return list(Relations.of(book, state, [predicate]).matching(predicate, known))
    from kubelogic.logic.topdown import TopDown

    return TopDown(book, given_facts(book, state, [predicate]), FUNCTIONS).ask(predicate, pattern)


def _hints(book: Rulebook, question: Question, cluster: Cluster, options: Options, *, settled: bool) -> tuple[str, ...]:
    """What would have rows: other constants, or the other of the two states."""
    predicate, pattern = question.predicate, question.pattern
    if book.declarations[predicate].function:
        results = ask(book, question.state, predicate, (*pattern[:-1], None))
        return tuple(f"{predicate} gives {row[-1]!r} here." for row in results) or (
            f"{predicate} is a function: give all arguments but the last.",
        )
    mine = hints(question)
    if any(OFFERS in hint for hint in mine) or _CHANGING.isdisjoint(cluster.kinds()):
        return mine
    if not settled and sum(_replicas(obj) for obj in cluster) > _MANY:
        return (*mine, "pods of workloads are there with --settled only; that was not tried, as there are many.")
    brief = replace(options, timeout=min(options.timeout, _PATIENCE))
    other = replace(question, state=_state(book, cluster, brief, settled=not settled))
    flag = "without --settled, as the cluster stands" if settled else "with --settled, pods of workloads included"
    if rows := len(ask(book, other.state, predicate, pattern)):
        return (f"{flag}, {rows} {'row fits' if rows == 1 else 'rows fit'}.", *mine)
    return (*mine, *(f"{flag}, {hint}" for hint in hints(other) if OFFERS in hint))


def _replicas(obj: Object) -> int:
    """How many pods an object is or asks for, roughly."""
    replicas = (obj.document.get("spec") or {}).get("replicas")
    return replicas if isinstance(replicas, int) else 1


def _order(row: Row) -> tuple[tuple[bool, Value], ...]:
    return tuple((isinstance(value, str), value) for value in row)
