"""Where something was left out that may have room: every search and every proof there is, one after the other."""

from __future__ import annotations

import msgspec

from kubelogic.placement.optimal import relax
from kubelogic.placement.optimal.disruption import disrupt_less
from kubelogic.placement.optimal.exact import Exact
from kubelogic.placement.optimal.improve import improve
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Model
from kubelogic.placement.optimal.pack import insert
from kubelogic.placement.optimal.replay import replay
from kubelogic.placement.optimal.stages import BRANCHES, make_way, one_by_one
from kubelogic.placement.optimal.state import State
from kubelogic.placement.optimal.tighten import Weights, achieved, decode, tightest, weigh
from kubelogic.placement.optimal.upper_bounds import UpperBounds
from kubelogic.placement.optimal.whole_nodes import by_patterns
from kubelogic.placement.placement import Placement

_INTEGER_CELLS = 600


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """A state, what it was ``before`` anything had to make way for it, and the limits that were proved, by their proof.

    ``most`` are the least of them by priority; ``proof`` names those that show that there is nothing better, if any do.
    """

    state: State
    before: State
    limits: dict[str, dict[int, int]]
    most: dict[int, int]
    proof: str


def search_on(
    model: Model,
    known: UpperBounds,
    state: State,
    theirs: Placement | None,
    expired: Deadline,
    *,
    thorough: bool,
    branches: int = BRANCHES,
) -> Searched:
    """The best of what all searches find, beginning at ``state``.

    Args:
        model: the problem.
        known: its limits as a whole.
        state: what is placed so far.
        theirs: what the one-by-one scheduler does, if that is known.
        expired: when to stop.
        thorough: whether z3 is asked for counts even where patterns leave nothing open.
        branches: how many cases of patterns to look at.
    """
    weights = weigh(model, known)
    state, bound = by_patterns(model, known, weights, state, expired, branches=branches)
    if theirs is not None and state.left.any():
        state = one_by_one(model, theirs, weights, state, expired)
    state, exact = by_integers(model, known, weights, state, expired, bound=bound, thorough=thorough)
    before = state.copy()
    state = make_way(model, weights, state, expired)
    state, proved = disrupt_less(model, known, weights, state, expired)
    limits = {
        "patterns of whole nodes, in exact integers": {} if bound is None else decode(model, state, weights, bound),
        "counts per kind and node, by z3": exact,
        "counts per kind, node and eviction, by z3": proved,
        "sums over classes, by z3": dict(relax.limits(model, known, state.placed.sum(axis=1), deadline=expired)),
    }
    most, proof = tightest(model, state, limits)
    return Searched(state=state, before=before, limits=limits, most=most, proof=proof)


def by_integers(
    model: Model,
    known: UpperBounds,
    weights: Weights,
    state: State,
    expired: Deadline,
    *,
    bound: int | None,
    thorough: bool,
) -> tuple[State, dict[int, int]]:
    """A better placement from counts that z3 finds, level by level, and what is proved on the way.

    Asked wherever nothing has proved yet that the placement is the best, ``bound`` being the limit on its value.
    """
    open_yet = thorough or bound is None or weights.value(model, state) < bound
    gap = state.left.any() and (open_yet or any(item_class.coupled for item_class in model.item_classes))
    if not gap or len(model.nodes) * len(model.item_classes) > _INTEGER_CELLS:
        return state, {}
    exact = Exact(model, deadline=expired)
    stays = not known.leave and not any(pod.terminating for pod in model.there)
    proved: dict[int, int] = {}
    wanted: dict[int, int] = {}
    total, tight = 0, stays
    for level in sorted({item_class.priority for item_class in model.item_classes}, reverse=True):
        waiting = sum(len(item_class.pods) for item_class in model.item_classes if item_class.priority == level)
        reached = achieved(model, state)[level]
        while reached < waiting and not expired():
            found = exact.find({**wanted, level: reached + 1})
            other = State(model) if found.counts is None else replay(model, found.counts)
            if found.counts is not None:
                other.found = "counts by z3"
                insert(other)
                improve(other, expired=expired)
            if weights.value(model, other) <= weights.value(model, state):
                tight = tight and found.impossible
                break
            state = other
            reached = achieved(model, state)[level]
        tight = tight and (reached == waiting or not expired())
        wanted[level] = reached
        total += reached
        if not tight:
            break
        proved[level] = total
    return state, proved
