"""The verbs of the command line as functions over immutable values: no printing, no global state.

``load(source)`` reads manifests (a path, several, text, or mappings) into a ``Cluster``; ``plan(cluster)``,
``explain(cluster, pod)``, ``capacity(cluster, pod)``, ``simulate(cluster, scenario, how)``, ``check(cluster)`` and
``diff(old, new)`` take it from there, with ``Options`` that say how to reconcile. Results are values: they compare
equal, can be pickled, and print in a line; ``to_dict`` gives the document that ``-o json`` prints, ``to_text`` the
text. (They are not in ``kubelogic`` itself, as ``kubelogic.explain`` is a package.)
"""

from __future__ import annotations

from typing import Any

from kubelogic.cluster import Cluster
from kubelogic.report.capacity import capacity_document, render_capacity
from kubelogic.report.check import check_document, render_check
from kubelogic.report.diff import diff_document, render_diff
from kubelogic.report.documents import plan_document
from kubelogic.report.explanation import explanation_document, render_explanation
from kubelogic.report.plan import render_plan
from kubelogic.report.simulation import render_simulation, simulation_document
from kubelogic.text import InputError
from kubelogic.verbs.capacity import Capacity, capacity
from kubelogic.verbs.check import Check, CheckOptions, check
from kubelogic.verbs.checking.findings import Finding
from kubelogic.verbs.diff import Diff, diff
from kubelogic.verbs.explain import Explanation, explain
from kubelogic.verbs.load import load
from kubelogic.verbs.plan import plan
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.results import Plan
from kubelogic.verbs.simulate import Simulation, SimulationOptions, simulate

Result = Plan | Explanation | Capacity | Simulation | Check | Diff

__all__ = [
    "Capacity",
    "Check",
    "CheckOptions",
    "Cluster",
    "Diff",
    "Explanation",
    "Finding",
    "InputError",
    "Options",
    "Plan",
    "Result",
    "Simulation",
    "SimulationOptions",
    "capacity",
    "check",
    "diff",
    "explain",
    "load",
    "plan",
    "simulate",
    "to_dict",
    "to_text",
]


def to_dict(result: Result) -> dict[str, Any]:
    """The JSON document of a result, as ``-o json`` prints it. Docs: reference/documents."""
    match result:
        case Plan():
            return plan_document(result)
        case Explanation():
            return explanation_document(result)
        case Capacity():
            return capacity_document(result)
        case Simulation():
            return simulation_document(result)
        case Check():
            return check_document(result)
        case Diff():
            return diff_document(result)


def to_text(result: Result) -> str:
    """The text of a result, as the command line prints it without a terminal."""
    match result:
        case Plan():
            return render_plan(result)
        case Explanation():
            return render_explanation(result)
        case Capacity():
            return render_capacity(result)
        case Simulation():
            return render_simulation(result)
        case Check():
            return render_check(result)
        case Diff():
            return render_diff(result)
