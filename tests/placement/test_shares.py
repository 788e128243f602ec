"""Even shares of classes, and how they are dealt out to nodes."""

from __future__ import annotations

import numpy as np
import pytest

from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.model import Model
from kubelogic.placement.optimal.pack import split
from kubelogic.placement.optimal.shares import even_shares
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.optimal.state import State
from kubelogic.placement.problem import Node, Pod, Problem, Reach, Shape
from tests.support.problems import Recipe, generate

RECIPES = {
    "alike": Recipe(nodes=300, classes=6, pods=3000, shapes=20, fill=0.8, restricted=0.0),
    "restricted": Recipe(nodes=300, classes=6, pods=3000, shapes=20, fill=0.8, restricted=0.6),
    "leftovers": Recipe(nodes=300, classes=6, pods=3000, shapes=20, fill=0.8, leftovers=True),
    "one class": Recipe(nodes=300, classes=1, pods=3000, shapes=20, fill=0.8),
    "classes of one node": Recipe(nodes=300, classes=300, pods=3000, shapes=20, fill=0.8),
}


def compiled(recipe: Recipe) -> tuple[Model, State]:
    model = compile_problem(generate(recipe))
    return model, State(model)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_shares_place_every_pod_where_it_may_go_and_fill_classes_alike(recipe: Recipe) -> None:
    model, state = compiled(recipe)
    quota, load = even_shares(model, state.free, state.left)
    assert quota.sum(axis=1) == pytest.approx(state.left)
    usable = np.array(
        [
            [model.allowed[k, model.node_class == c].any() for c in range(len(model.classes))]
            for k in range(len(model.item_classes))
        ]
    )
    assert not quota[~usable].any()
    capacity = np.array(
        [np.maximum(state.free, 0)[:, model.node_class == c].sum(axis=1) for c in range(len(model.classes))]
    )
    asked = quota.T @ model.request
    assert load == pytest.approx((asked / capacity).max())
    total = asked.sum(axis=0) / capacity.sum(axis=0)
    assert total.max() <= load + 1e-9
    assert load <= 0.95


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_dealing_keeps_to_rooms_and_counts_and_leaves_little_over(recipe: Recipe) -> None:
    model, state = compiled(recipe)
    quota, _ = even_shares(model, state.free, state.left)
    before = state.left.copy()
    split(state, quota)
    assert (state.left >= 0).all()
    assert (state.placed.sum(axis=1) + state.left == before).all()
    assert not state.placed[~model.allowed].any()
    assert (state.free == model.free.T - model.request.T @ state.placed).all()
    assert (state.free >= np.minimum(model.free.T, 0)).all()
    assert state.slack == pytest.approx(state.weight @ state.free)
    if recipe.classes < recipe.nodes:
        assert state.left.sum() <= 0.05 * before.sum()


def test_complementary_pods_are_mixed_on_every_node() -> None:
    """Half the pods ask for much cpu, half for much memory: only a node with as many of both holds its ten."""
    nodes = tuple(
        Node(name=f"n{i:03}", node_class="c", allocatable={"cpu": 100, "memory": 100, "pods": 99}) for i in range(200)
    )
    shapes = (
        Shape(name="cpu", requests={"cpu": 18, "memory": 2, "pods": 1}),
        Shape(name="memory", requests={"cpu": 2, "memory": 18, "pods": 1}),
    )
    pods = tuple(Pod(name=f"{s.name}-{i}", shape=s.name, order=i) for s in shapes for i in range(1000))
    reach = Reach(node_classes=frozenset({"c"}))
    problem = Problem(nodes=nodes, shapes=shapes, pods=pods, allowed={s.name: reach for s in shapes})
    placement = solve(problem)
    assert len(placement.bindings) == 2000
    assert not placement.statistics


def test_no_shares_for_pods_that_no_class_has_room_for() -> None:
    model, state = compiled(Recipe(nodes=10, classes=2, pods=40, shapes=3, fill=4.0, restricted=0.0))
    _, load = even_shares(model, state.free, state.left)
    assert load > 1
    state.free[:] = 0
    assert even_shares(model, state.free, state.left)[1] == np.inf
    assert even_shares(model, state.free, 0 * state.left)[1] == 0.0


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(nodes=600, classes=12, pods=6000, shapes=30, fill=0.9),
        Recipe(nodes=600, classes=1, pods=6000, shapes=30, fill=0.95),
    ],
    ids=["90 %", "one class, 95 %"],
)
def test_what_even_shares_place_in_full_needs_no_question_to_z3(recipe: Recipe) -> None:
    placement = solve(generate(recipe))
    assert not placement.unplaced
    assert placement.bounds[-1].placed == placement.bounds[-1].most
    assert "questions" not in placement.statistics
