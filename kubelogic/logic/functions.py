"""The functions that rules call: all public ones of modules that are written for them."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any

from kubelogic.logic.plan import Function


def functions_of(*modules: Mapping[str, Any]) -> dict[str, Function]:
    """The public functions that modules define, by the names that rules use: their own.

    Args:
        modules: the names in each (``vars(module)``); what a module imports is not its own.
    """
    return {
        name: each
        for module in modules
        for name, each in module.items()
        if isinstance(each, FunctionType) and each.__module__ == module["__name__"] and not name.startswith("_")
    }
