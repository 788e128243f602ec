"""Proofs and refutations: what they contain, how they read, and that every proof replays."""

from __future__ import annotations

import itertools
import textwrap

import pytest

from kubelogic.logic import Evaluation, Rulebook
from kubelogic.logic.proofs import Derived, Given, Proof, Prover
from kubelogic.logic.replay import replay
from kubelogic.logic.solving import Absence, Fact
from kubelogic.logic.words import Words
from tests.logic.programs import FUNCTIONS, program

TEXT = """\
#: taint(Node: node, Key: str) "{Node} has the taint {Key}"
#: pod(Pod: pod) "{Pod} is a pod"
#: tolerates(Pod: pod, Key: str) "{Pod} tolerates {Key}"
#: free(Node: node, Amount: int) "{Node} has {Amount} free"
#: wants(Pod: pod, Amount: int) "{Pod} wants {Amount}"
#: rejects(Pod: pod, Node: node) "{Node} is not for {Pod}"
#: owner(Child: str, Parent: str) "{Parent} owns {Child}"
#: above(Child: str, Parent: str) "{Parent} is above {Child}"
#: fits(Pod: pod, Node: node) "{Pod} fits on {Node}"
#: wanted[Node: node] == Sum: int "{Sum} is wanted on {Node}"
#: hard(Key: str) "the taint {Key} is hard"
+ hard('gpu')
rejects(P, N) <= pod(P) & taint(N, K) & hard(K) & ~tolerates(P, K)
rejects(P, N) <= wants(P, A) & free(N, F) & (A > F)
fits(P, N) <= pod(P) & free(N, _) & ~rejects(P, N)
(wanted[N] == sum_(A, for_each=P)) <= fits(P, N) & wants(P, A)
above(C, P) <= owner(C, P)
above(C, P) <= owner(C, M) & above(M, P)
"""
FACTS = {
    "taint": [("n1", "gpu"), ("n2", "soft")],
    "pod": [("a",), ("b",)],
    "tolerates": [("b", "gpu")],
    "free": [("n1", 4), ("n2", 2)],
    "wants": [("a", 3), ("b", 1)],
    "owner": [("w", "x"), ("x", "y"), ("y", "z"), ("w", "y"), ("z", "w")],
}


@pytest.fixture
def prover() -> Prover:
    evaluation = Evaluation(Rulebook.parse({"p.dl": TEXT}))
    evaluation.update(FACTS)
    return Prover(evaluation, origin=lambda fact, _: f"{fact.predicate}.yaml:{len(fact.row)}")


@pytest.fixture
def words() -> Words:
    return Words(Rulebook.parse({"p.dl": TEXT}))


def proof(prover: Prover, predicate: str, *row: str | int) -> Proof:
    found = prover.prove(predicate, row)
    assert found is not None
    return found


def test_a_derivation_in_words(prover: Prover, words: Words) -> None:
    assert words.proof(proof(prover, "rejects", "a", "n1")) == textwrap.dedent(
        """\
        n1 is not for a  [p.dl:13]
        ├─ a is a pod  [given, pod.yaml:1]
        ├─ n1 has the taint gpu  [given, taint.yaml:2]
        ├─ the taint gpu is hard  [given, p.dl:12]
        └─ it is not so that a tolerates gpu  [absent]"""
    )


def test_an_aggregate_rests_on_all_its_rows_and_shared_facts_are_told_once(prover: Prover, words: Words) -> None:
    assert words.proof(proof(prover, "wanted", "n1", 1)) == textwrap.dedent(
        """\
        1 is wanted on n1  [sum by p.dl:16]
        ├─ b fits on n1  [p.dl:15]
        │  ├─ b is a pod  [given, pod.yaml:1]
        │  ├─ n1 has 4 free  [given, free.yaml:2]
        │  └─ it is not so that n1 is not for b  [absent]
        └─ b wants 1  [given, wants.yaml:2]"""
    )


def test_the_derivation_of_a_recursive_fact_has_least_height(prover: Prover, words: Words) -> None:
    found = proof(prover, "above", "w", "z")
    assert words.proof(found) == textwrap.dedent(
        """\
        z is above w  [p.dl:18]
        ├─ y owns w  [given, owner.yaml:2]
        └─ z is above y  [p.dl:17]
           └─ z owns y  [given, owner.yaml:2]"""
    )
    # On the cycle w -> x -> y -> z -> w, going once round is the only way.
    assert [step.height for step in proof(prover, "above", "w", "w").steps if isinstance(step, Derived)] == [3, 2, 1]


def test_values_are_written_as_their_type_wants() -> None:
    """A format sees the other values of the row, those that are known."""
    text = '#: holds(Node: node, Kind: kind, Amount: amount) "{Node} holds {Amount} of {Kind}"'
    formats = {"amount": lambda value, row: f"{value} {row.get('kind', 'pieces')}"}
    words = Words(Rulebook.parse({"p.dl": text}), formats)
    assert words.sentence("holds", ("n1", "litres", 3)) == "n1 holds 3 litres of litres"
    assert words.sentence("holds", ("n1", None, 3)) == "n1 holds 3 pieces of any kind"
    assert words.sentence("holds", ("n1", "litres", None)) == "n1 holds any amount of litres"
    text = '#: has(Node: node, Free: quantity, Spare: int) "{Node} has {Free} free and {Spare} spare"'
    assert Words(Rulebook.parse({"p.dl": text})).sentence("has", (None, None, None)) == (
        "any node has any amount free and any spare"
    )


def test_a_proof_as_data(prover: Prover, words: Words) -> None:
    document = words.proof_document(proof(prover, "rejects", "a", "n2"))
    assert document == {
        "holds": True,
        "fact": "rejects('a', 'n2')",
        "predicate": "rejects",
        "values": ["a", "n2"],
        "text": "n2 is not for a",
        "steps": [
            {
                "step": 1,
                "fact": "rejects('a', 'n2')",
                "predicate": "rejects",
                "values": ["a", "n2"],
                "text": "n2 is not for a",
                "kind": "derived",
                "height": 1,
                "rule": {
                    "file": "p.dl",
                    "line": 14,
                    "text": "rejects(P, N) <= wants(P, A) & free(N, F) & (A > F)",
                },
                "premises": [{"step": 2}, {"step": 3}, {"kind": "computed", "text": "(A > F): 3 > 2"}],
            },
            {
                "step": 2,
                "fact": "wants('a', 3)",
                "predicate": "wants",
                "values": ["a", 3],
                "text": "a wants 3",
                "kind": "given",
                "origin": "wants.yaml:2",
            },
            {
                "step": 3,
                "fact": "free('n2', 2)",
                "predicate": "free",
                "values": ["n2", 2],
                "text": "n2 has 2 free",
                "kind": "given",
                "origin": "free.yaml:2",
            },
        ],
    }


def test_what_does_not_hold_has_no_proof(prover: Prover) -> None:
    assert prover.prove("rejects", ("b", "n1")) is None
    assert prover.why_not("rejects", ("a", "n1")) is None


def test_why_not_says_how_far_each_rule_got(prover: Prover, words: Words) -> None:
    refutation = prover.why_not("rejects", ("b", "n1"))
    assert refutation is not None
    assert words.refutation(refutation) == textwrap.dedent(
        """\
        it is not so that n1 is not for b
          p.dl:13 meets 3 of 4:
            + b is a pod
            + n1 has the taint gpu
            + the taint gpu is hard
            - it must not be so that b tolerates gpu
                because b tolerates gpu
          p.dl:14 meets 2 of 3:
            + b wants 1
            + n1 has 4 free
            - (A > F) does not hold, where A is 1, F is 4"""
    )


def test_why_not_proves_what_stands_in_the_way(prover: Prover, words: Words) -> None:
    refutation = prover.why_not("fits", ("a", "n2"))
    assert refutation is not None
    assert words.refutation(refutation) == textwrap.dedent(
        """\
        it is not so that a fits on n2
          p.dl:15 meets 2 of 3:
            + a is a pod
            + n2 has 2 free
            - it must not be so that n2 is not for a
                because n2 is not for a  [p.dl:14]
                ├─ a wants 3  [given, wants.yaml:2]
                ├─ n2 has 2 free  [given, free.yaml:2]
                └─ (A > F): 3 > 2  [computed]"""
    )
    document = words.refutation_document(refutation)
    assert [step["fact"] for step in document["attempts"][0]["proof"]["steps"]] == [
        "rejects('a', 'n2')",
        "wants('a', 3)",
        "free('n2', 2)",
    ]


def test_why_not_looks_into_premises_that_fail(prover: Prover, words: Words) -> None:
    refutation = prover.why_not("above", ("v", None))
    assert refutation is not None
    assert words.refutation(refutation) == textwrap.dedent(
        """\
        it is not so that any parent is above v
          p.dl:17 meets 0 of 1:
            - it should be so that any parent owns v
          p.dl:18 meets 0 of 2:
            - it should be so that any parent owns v"""
    )
    document = words.refutation_document(refutation)
    assert document["fact"] == "above('v', _)"
    assert [attempt["rule"]["line"] for attempt in document["attempts"]] == [17, 18]


def test_why_not_of_another_value(prover: Prover, words: Words) -> None:
    refutation = prover.why_not("wanted", ("n1", 7))
    assert refutation is not None
    assert words.refutation(refutation).endswith("  - 1 is wanted on n1")


def test_a_long_chain_is_proved_without_deep_recursion() -> None:
    evaluation = Evaluation(Rulebook.parse({"p.dl": TEXT}))
    evaluation.update({"owner": [(f"c{i}", f"c{i + 1}") for i in range(400)]})
    goal = Prover(evaluation).prove("above", ("c0", "c400"))
    assert goal is not None
    assert len(goal.steps) == 800


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_every_proof_of_generated_programs_replays(start: int) -> None:
    for number in range(start, start + 100):
        found = program(number)
        evaluation = Evaluation(found.book, FUNCTIONS)
        state = found.states[-1]
        evaluation.update(state)
        prover = Prover(evaluation)
        for predicate in sorted(found.book.uses):
            for row in itertools.islice(sorted(evaluation.rows(predicate)), 3):
                check(found.book, prover, predicate, row)
            kinds = [argument.type for argument in found.book.declarations[predicate].arguments]
            refuted = prover.why_not(predicate, tuple(99 if kind == "num" else "zz" for kind in kinds))
            assert refuted is not None


def check(book: Rulebook, prover: Prover, predicate: str, row: tuple[str | int, ...]) -> None:
    """A proof rests on nothing that it does not show, and its heights are right."""
    found = prover.prove(predicate, row)
    assert found is not None
    heights = {step.fact: step.height if isinstance(step, Derived) else 0 for step in found.steps}
    for step in found.steps:
        if isinstance(step, Derived):
            below = [heights[premise] for premise in step.premises if isinstance(premise, Fact)]
            assert step.height == 1 + max(below, default=0)
    assert replay(book, FUNCTIONS, found), f"{book.files[0].lines}: {predicate}{row}: {found.leaves()}"
    assert all(isinstance(leaf, Fact | Absence) for leaf in found.leaves())
    assert all(isinstance(step, Given | Derived) for step in found.steps)
