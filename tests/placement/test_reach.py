"""Sets of nodes, as three parts of the program read them."""

from __future__ import annotations

import pytest

from kubelogic.placement.kube.tables import Tables
from kubelogic.placement.optimal.assumptions import denied
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.problem import Denial, Node, Pod, Problem, Reach, Shape

NODES = tuple(Node(name=name, node_class=name[0], allocatable={"cpu": 1}) for name in ("a1", "a2", "b1", "c1"))


def reach(classes: str = "", nodes: str = "", left_out: str = "") -> Reach:
    return Reach(
        node_classes=frozenset(classes.split()), nodes=frozenset(nodes.split()), left_out=frozenset(left_out.split())
    )


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (reach("a"), "a1 a2"),
        (reach("a b", "c1"), "a1 a2 b1 c1"),
        (reach("a b", left_out="a1"), "a2 b1"),
        (reach("a b", "a1", left_out="a1 b1"), "a1 a2"),
        (reach("a", left_out="b1 gone"), "a1 a2"),
        (reach("gone", "gone a1"), "a1"),
    ],
)
def test_all_read_the_same(given: Reach, wanted: str) -> None:
    shape = Shape(name="s", requests={"cpu": 1})
    denial = Denial(shape="s", reason="why", reach=given)
    problem = Problem(
        nodes=NODES, shapes=(shape,), pods=(Pod(name="p", shape="s"),), allowed={"s": given}, denials=(denial,)
    )
    assert [node.name for node in NODES if given.has(node)] == wanted.split()
    tables, model = Tables(problem), compile_problem(problem)
    assert [name for name, there in zip(tables.names, tables.mask(given), strict=True) if there] == wanted.split()
    masked = model.allowed[0].tolist()
    assert [node.name for node, there in zip(model.nodes, masked, strict=True) if there] == wanted.split()
    assert {name for _, name in denied(problem)} == {name[0] for name in wanted.split()}
