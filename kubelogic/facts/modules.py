"""The table of all fact modules. A new group of kinds is a new module and one line here."""

from __future__ import annotations

from kubelogic.facts import selectors
from kubelogic.facts.base import FactModule

MODULES: tuple[FactModule, ...] = (selectors.MODULE,)
"""Every fact module. Stages run in this order, after the extractors of all modules."""
