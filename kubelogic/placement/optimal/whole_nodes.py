"""A stage for small problems: placements made of patterns of whole nodes, and what those prove."""

from __future__ import annotations

from kubelogic.placement.optimal.branching import branches as cases_of
from kubelogic.placement.optimal.improve import improve
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Model
from kubelogic.placement.optimal.pack import insert, place_coupled
from kubelogic.placement.optimal.patterns import WHOLE, Case, Patterns
from kubelogic.placement.optimal.stages import BRANCHES, better
from kubelogic.placement.optimal.state import State
from kubelogic.placement.optimal.tighten import Weights, lay_out, packables
from kubelogic.placement.optimal.upper_bounds import UpperBounds

_PATTERN_ROWS = 200
_CHOICES = 9
_DETOURS = 6


def by_patterns(
    model: Model, known: UpperBounds, weights: Weights, state: State, expired: Deadline, *, branches: int = BRANCHES
) -> tuple[State, int | None]:
    """The better of ``state`` and placements made of whole-node patterns, and a limit on the weighted
    value.

    Only for problems that are small enough for it. Looks at so many ``branches`` where the limit is not reached.
    """
    if len(model.nodes) + len(model.item_classes) + len(known.leave) > _PATTERN_ROWS:
        return state, None
    open_ones: list[tuple[int, UpperBounds, Patterns]] = []
    for choice in cases_of(model, known, most=_CHOICES):
        if expired():
            return state, None
        items = packables(model, choice, weights)
        if not items.countable:
            return state, None
        patterns = Patterns(items)
        if not open_ones:
            state = better(model, weights, state, _dive(model, choice, patterns, expired))
        most = patterns.bound(reached=weights.value(model, state) + weights.all_kept, rounds=80, expired=expired)
        open_ones.append((most, choice, patterns))
    limit = 0
    for most, choice, patterns in sorted(open_ones, key=lambda entry: -entry[0]):
        for detour in range(-1, _DETOURS):
            if most <= weights.value(model, state) + weights.all_kept or expired():
                break
            state = better(model, weights, state, _dive(model, choice, patterns, expired, detour=detour))

        def attempt(case: Case, choice: UpperBounds = choice, patterns: Patterns = patterns) -> int:
            nonlocal state
            if case != WHOLE:
                state = better(model, weights, state, _dive(model, choice, patterns, expired, case=case))
            return weights.value(model, state) + weights.all_kept

        if most > attempt(WHOLE):
            limit = max(limit, patterns.branch(most=most, attempt=attempt, cases=branches, expired=expired))
    return state, max(limit - weights.all_kept, weights.value(model, state))


def _dive(
    model: Model,
    known: UpperBounds,
    patterns: Patterns,
    expired: Deadline,
    *,
    detour: int = -1,
    case: Case = WHOLE,
) -> State:
    state = lay_out(model, known, patterns.dive(rounds=12, expired=expired, detour=detour, case=case))
    state.found = "patterns of whole nodes"
    place_coupled(state)
    insert(state)
    improve(state, expired=expired)
    return state
