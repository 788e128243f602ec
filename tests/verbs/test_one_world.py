"""Every verb asks the same world: bound and unbound, compiled and by pyDatalog, ``query``, ``why`` and ``plan``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kubelogic.api import load as read
from kubelogic.api import to_text
from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation, Row, Rulebook, Value
from kubelogic.logic.proofs import Prover
from kubelogic.logic.terms import Pattern
from kubelogic.logic.topdown import TopDown
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.relations import given_facts
from kubelogic.reconcile.tick import Reconciler
from kubelogic.verbs.query import Engine, ask, query, why
from kubelogic.verbs.reconciled import Options, begin, reconcile

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CLUSTERS = {
    "shop": FIXTURES / "shop",
    "moves": FIXTURES / "moves" / "cluster.yaml",
    "nodes": FIXTURES / "nodes" / "ten.yaml",
    "scenarios": FIXTURES / "scenarios" / "cluster.yaml",
    "probes": FIXTURES / "scenarios" / "probes.yaml",
    "part": FIXTURES / "worlds" / "part-of-a-cluster.yaml",
}
STATES = (*CLUSTERS, "part, settled")
ASKED_ALONE = (
    "action_collect_pod",
    "dangling_reference",
    "feasible",
    "memory",
    "node_holds",
    "now",
    "passed",
    "pod_ready",
    "presumed_owner",
    "rejects_fit",
    "rejects_taint",
    "service_address",
    "shape_request",
    "wakes_at",
)
"""Predicates that are also asked one by one, as a user does: what the world, the time and admission say among them."""

ABSENT = "no-such-thing"


@cache
def book() -> Rulebook:
    return load_rulebook()


@cache
def state(name: str) -> State:
    cluster = Cluster.of(load([CLUSTERS[name.partition(",")[0]]]).objects)
    return reconcile(cluster, Options()).run.state if name.endswith("settled") else begin(cluster, book())[0]


@cache
def ticked(name: str) -> Evaluation:
    """What a tick of ``plan`` derives in a state, of everything."""
    predicates = [name for name, declaration in book().declarations.items() if not declaration.function]
    reconciler = Reconciler(book(), functions=FUNCTIONS, goals=predicates)
    reconciler.advance(state(name))
    return reconciler.relations


def relations(name: str) -> Iterator[tuple[str, list[Row]]]:
    """Every predicate that has rows in a state, with its rows."""
    for predicate, declaration in sorted(book().declarations.items()):
        if not declaration.function and (rows := sorted(ticked(name).rows(predicate), key=repr)):
            yield predicate, rows


def questions(rows: list[Row]) -> Iterator[Pattern]:
    """The open question, one for each column of the first row, all of the last row, and one that nothing fits."""
    width = len(rows[0])
    yield (None,) * width
    yield from (tuple(rows[0][i] if i == place else None for i in range(width)) for place in range(width))
    yield rows[-1]
    if any(isinstance(value, str) for value in rows[0]):
        yield tuple(ABSENT if isinstance(value, str) else None for value in rows[0])


def fitting(rows: list[Row], pattern: Pattern) -> list[Row]:
    return [row for row in rows if all(value in (None, cell) for value, cell in zip(pattern, row, strict=True))]


@pytest.mark.parametrize("name", STATES)
def test_pydatalog_gives_the_rows_of_a_tick_bound_and_unbound(name: str) -> None:
    engine = TopDown(book(), given_facts(book(), state(name), book().declarations), FUNCTIONS)
    for predicate, rows in relations(name):
        for pattern in questions(rows):
            assert sorted(engine.ask(predicate, pattern), key=repr) == fitting(rows, pattern), (predicate, pattern)


@pytest.mark.parametrize("engine", ["compiled", "pydatalog"])
@pytest.mark.parametrize("name", STATES)
def test_asked_alone_each_predicate_has_the_rows_of_a_tick(name: str, engine: Engine) -> None:
    for predicate in ASKED_ALONE:
        rows = sorted(ticked(name).rows(predicate), key=repr)
        patterns = list(questions(rows))[:3] if rows else [(None,) * book().declarations[predicate].arity]
        for pattern in patterns:
            found = sorted(ask(book(), state(name), predicate, pattern, engine=engine), key=repr)
            assert found == fitting(rows, pattern), (predicate, pattern)


@pytest.mark.parametrize("name", STATES)
def test_a_proof_is_found_for_what_holds_and_for_nothing_else(name: str) -> None:
    prover = Prover(ticked(name))
    for predicate, rows in relations(name):
        if book().declarations[predicate].arity:
            proof = prover.prove(predicate, rows[0])
            assert proof is not None
            assert proof.goal.row == rows[0]
            other: tuple[Value, ...] = (ABSENT, *rows[0][1:])
            assert prover.prove(predicate, other) is None


MISSING_OWNER = "dangling_reference('Pod', 'shop/till-0', Uid)"


@pytest.mark.parametrize("settled", [False, True])
def test_why_does_not_prove_what_plan_knows_to_be_false(*, settled: bool) -> None:
    """An owner that is named, but not in the input, is taken to exist: plan collects nothing, and why agrees."""
    cluster = Cluster.of(load([CLUSTERS["part"]]).objects)
    assert why(cluster, MISSING_OWNER, settled=settled).refutation is not None
    assert not query(cluster, MISSING_OWNER, settled=settled).rows
    assert "set-1" in [row[0] for row in query(cluster, "living(Uid, 'ReplicaSet', K, N)", settled=settled).rows]


@pytest.mark.parametrize("atom", ["service_address(S, A)", "service_address('shop/till', A)"])
@pytest.mark.parametrize("engine", ["compiled", "pydatalog"])
def test_services_have_addresses_in_every_question(atom: str, engine: Engine) -> None:
    cluster = Cluster.of(load([CLUSTERS["part"]]).objects)
    assert [row[0] for row in query(cluster, atom, engine=engine).rows] == ["shop/till"]
    assert why(cluster, atom).refutation is None


def test_a_silent_node_is_silent_in_every_question() -> None:
    cluster = Cluster.of(load([CLUSTERS["part"]]).objects)
    for atom in ("node_silent_since(N, T)", "node_silent_since('oak', T)"):
        assert [row[0] for row in query(cluster, atom).rows] == ["oak"]
        assert why(cluster, atom).refutation is None


HINTS = [
    ("rejects_fit(S, N, R, Q, F)", "with --settled, pods of workloads included, 2 rows fit."),
    ("rejects_fit('scan', N, R, Q, F)", "there is no shape 'scan'; did you mean 'shop/scan'?"),
    ("pod_node('till-0', N)", "there is no pod 'till-0'; did you mean 'shop/till-0'?"),
    ("pod_node('shop/til-0', N)", "there is no pod 'shop/til-0'; did you mean 'shop/till-0'?"),
    ("pod_node('shop/till-0', 'oka')", "there is no node 'oka'; did you mean 'oak'?"),
    ("pod_node('shop/till-0', 'elm')", "with another Node something fits: 'oak'."),
    ("node_allocatable('oak', 'storage', A)", "there is no resource 'storage'; there are 'cpu', "),
    ("pod_shape('shop/till-0', 'shop/till-0')", "there is no shape 'shop/till-0'; did you mean 'shop/till'?"),
    ("image_registry('quay.io/a', 'docker.io')", "image_registry gives 'quay.io' here."),
    ("image_registry(Image, R)", "image_registry is a function: give all arguments but the last."),
]


@pytest.mark.parametrize(("atom", "hint"), HINTS)
def test_where_nothing_fits_the_next_question_is_offered(atom: str, hint: str) -> None:
    cluster = Cluster.of(load([CLUSTERS["part"]]).objects)
    for found in (query(cluster, atom).hints, why(cluster, atom).hints):
        assert any(hint in each for each in found), found


def test_a_pod_or_node_that_is_like_another_is_asked_about_as_that() -> None:
    node = "{kind: Node, apiVersion: v1, metadata: {name: %s}, status: {allocatable: {cpu: '4', pods: '9'}}}"
    pod = "{kind: Pod, apiVersion: v1, metadata: {name: %s}, spec: {containers: [%s]}}"
    container = "{name: c, image: i, resources: {requests: {cpu: '9'}}}"
    texts = [*(node % each for each in ("oak", "elm")), *(pod % (each, container) for each in ("one", "two"))]
    cluster = read("\n---\n".join(texts))
    said = "default/two is asked about as default/one, which is like it."
    for node_name in ("elm", "oak"):
        atom = f"rejects_fit('default/two', '{node_name}', 'cpu', A, F)"
        found = query(cluster, atom)
        proved = why(cluster, atom)
        assert found.rows == (("default/one", node_name, "cpu", 9000, 4000),)
        assert query(cluster, atom, engine="pydatalog").rows == found.rows
        assert len(proved.proofs) == 1
        assert found.hints == proved.hints == (said,)
        assert all(f"hint: {said}" in to_text(each) for each in (found, proved))
    refuted = why(cluster, "rejects_taint('default/two', 'elm', K, V, E)")
    assert refuted.proofs == ()
    assert refuted.hints[0] == said


def test_a_hint_about_settling_is_given_only_where_it_helps() -> None:
    cluster = Cluster.of(load([CLUSTERS["part"]]).objects)
    assert query(cluster, "rejects_outside_names(S, N)").hints == ()
    settled = query(cluster, "pod_node('shop/till-0', 'elm')", settled=True)
    assert not any("settled" in hint for hint in settled.hints)
    assert query(cluster, "rejects_fit(S, N, R, Q, F)", settled=True).rows


def test_a_function_answers_and_is_its_own_proof() -> None:
    cluster = Cluster.of(load([CLUSTERS["part"]]).objects)
    assert query(cluster, "image_registry('quay.io/a', R)").rows == (("quay.io/a", "quay.io"),)
    (proof,) = why(cluster, "image_registry('quay.io/a', R)").proofs
    assert proof.goal.row == ("quay.io/a", "quay.io")
