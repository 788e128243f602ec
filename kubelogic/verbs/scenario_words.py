"""The words of scenarios.

The reference page is written from them, and a test runs every example.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kubelogic.verbs import scenario_nodes, scenario_requests, scenario_world
from kubelogic.verbs.scenario_word import Word

_MODULES = (scenario_requests, scenario_nodes, scenario_world)

WORDS: Mapping[str, Word] = MappingProxyType(
    {each.name: each for module in _MODULES for each in vars(module).values() if isinstance(each, Word)}
)
"""All words, in the order of the reference page, which is that of the modules. ``expect`` is no step that does
anything: see ``scenario_expect``."""
