"""Objects to relations: parsing and defaulting happen once, here. See docs/explanation/architecture.md."""

from kubelogic.facts.base import (
    Changes,
    Delta,
    Extractor,
    Fact,
    FactBase,
    FactModule,
    Reader,
    Row,
    Stage,
    World,
    reader,
)
from kubelogic.facts.modules import MODULES, modules_for

__all__ = [
    "MODULES",
    "Changes",
    "Delta",
    "Extractor",
    "Fact",
    "FactBase",
    "FactModule",
    "Reader",
    "Row",
    "Stage",
    "World",
    "modules_for",
    "reader",
]
