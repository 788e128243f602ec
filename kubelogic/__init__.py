"""A Kubernetes control plane written as logic: plan, explain and prove placements, offline.

The verbs of the command line are functions here, over immutable values: ``kubelogic.load``, ``plan``, ``explain``,
``simulate``, ``capacity``, ``check``, ``diff``, ``query``, ``why``, and ``Session``, which keeps what the next question
can use. They are those of ``kubelogic.api`` and are imported when they are first used.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"

_NAMES = frozenset(
    {
        "Capacity",
        "Check",
        "CheckOptions",
        "Cluster",
        "Diff",
        "Explanation",
        "Finding",
        "InputError",
        "NodeExplanation",
        "Options",
        "Plan",
        "QueryResult",
        "RuleErrors",
        "Scenario",
        "ServiceExplanation",
        "Session",
        "Shown",
        "Simulation",
        "SimulationOptions",
        "UnknownPodError",
        "Verification",
        "WhyResult",
        "WorkloadExplanation",
        "capacity",
        "check",
        "diff",
        "explain_any",
        "load",
        "plan",
        "query",
        "scenario",
        "simulate",
        "to_dict",
        "to_text",
        "why",
    }
)
"""What ``kubelogic.api`` has that is found here, too."""

_PACKAGES = frozenset({"explain", "verify"})
"""Verbs that are packages, too. Such a package can be called: that is the verb."""


class _Verb(ModuleType):
    """A package that is called as the verb of its name."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from importlib import import_module

        return getattr(import_module("kubelogic.api"), self.__name__.rpartition(".")[2])(*args, **options)


class _Package(ModuleType):
    """This package: it lets ``explain`` be a package and a function."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _PACKAGES and isinstance(value, ModuleType):
            value.__class__ = _Verb
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        from importlib import import_module

        if name in _PACKAGES:
            return import_module(f"{__name__}.{name}")
        if name in _NAMES:
            return getattr(import_module(f"{__name__}.api"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_NAMES, *_PACKAGES})


sys.modules[__name__].__class__ = _Package
