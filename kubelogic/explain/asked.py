"""What explanations of pods ask of the rules, in one list: a run that knows it beforehand derives it only once."""

from __future__ import annotations

from kubelogic.explain import verdicts
from kubelogic.explain.filters import goals
from kubelogic.facts.places import CONTEXT
from kubelogic.logic import Rulebook
from kubelogic.reconcile.problem import GOALS


def asked(rulebook: Rulebook) -> list[str]:
    """The predicates that explanations of pods read, those of the placement problem and of places among them.

    Args:
        rulebook: the rules, which say what the filters are.
    """
    return sorted({*goals(rulebook), *GOALS, *verdicts.GOALS, *CONTEXT})
