"""Proofs over the example cluster with all built-in rules: every one replays, and pyDatalog agrees with its facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts import FactBase, modules_for
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation
from kubelogic.logic.proofs import Prover
from kubelogic.logic.replay import Replayer
from kubelogic.logic.topdown import TopDown
from kubelogic.logic.words import Words
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.tick import Reconciler

SHOP = Path(__file__).parents[2] / "fixtures/shop"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster.of(load([SHOP]).objects)


@pytest.fixture(scope="module")
def evaluation(cluster: Cluster) -> Evaluation:
    """All relations of the first tick."""
    book = load_rulebook()
    reconciler = Reconciler(
        book, functions=FUNCTIONS, goals=[n for n, d in book.declarations.items() if not d.function]
    )
    reconciler.advance(State.of(cluster))
    return reconciler.relations


def test_a_proof_of_every_derived_predicate_replays(evaluation: Evaluation) -> None:
    book = evaluation.rulebook
    prover, words, replayer = Prover(evaluation), Words(book), Replayer(book, FUNCTIONS)
    proved = 0
    for predicate in sorted(book.uses):
        for row in sorted(evaluation.rows(predicate), key=repr)[:1]:
            proof = prover.prove(predicate, row)
            assert proof is not None
            assert words.proof(proof)
            assert replayer.holds(proof), words.proof(proof)
            proved += 1
    assert proved > 50


def test_functional_predicates_have_one_value_per_key(evaluation: Evaluation) -> None:
    functional = [name for name, declaration in evaluation.rulebook.declarations.items() if declaration.functional]
    assert functional
    assert {name: rows for name in functional if (rows := evaluation.ambiguous(name))} == {}


def test_what_does_not_hold_is_refuted(evaluation: Evaluation) -> None:
    book = evaluation.rulebook
    prover, words = Prover(evaluation), Words(book)
    for predicate in sorted(book.uses):
        if not evaluation.rows(predicate):
            refutation = prover.why_not(predicate, (None,) * book.declarations[predicate].arity)
            assert refutation is not None
            assert words.refutation(refutation)


def test_scheduling_rules_are_the_same_top_down(cluster: Cluster) -> None:
    book = load_rulebook()
    facts = FactBase(modules_for(book)).update(cluster).added
    predicates = sorted(
        declaration.predicate
        for file in book.files
        if file.path.startswith("rules/scheduling/")
        for declaration in file.declarations
        if declaration.predicate in book.uses
    )
    evaluation = Evaluation(book, FUNCTIONS, goals=predicates)
    evaluation.update(facts)
    engine = TopDown(book, facts, FUNCTIONS)
    for predicate in predicates:
        pattern = (None,) * book.declarations[predicate].arity
        assert engine.ask(predicate, pattern) == sorted(evaluation.rows(predicate), key=_order)


def _order(row: tuple[str | int, ...]) -> list[tuple[bool, str | int]]:
    return [(isinstance(value, str), value) for value in row]
