"""Objects to relations: parsing and defaulting happen once, here. See docs/explanation/architecture.md."""

from kubelogic.facts.base import Changes, Delta, Extractor, Fact, FactBase, FactModule, Row, Stage
from kubelogic.facts.modules import MODULES, modules_for

__all__ = ["MODULES", "Changes", "Delta", "Extractor", "Fact", "FactBase", "FactModule", "Row", "Stage", "modules_for"]
