"""The rule engine: syntax, checks, evaluation, proofs. Knows nothing of Kubernetes."""

from kubelogic.logic.errors import RuleErrors, RuleFault
from kubelogic.logic.evaluation import Changes, Evaluation, Facts
from kubelogic.logic.plan import Function
from kubelogic.logic.rulebook import Rulebook
from kubelogic.logic.terms import Row, Value

__all__ = [
    "Changes",
    "Evaluation",
    "Facts",
    "Function",
    "Row",
    "RuleErrors",
    "RuleFault",
    "Rulebook",
    "Value",
]
