"""What the API server refuses: types, unknown fields, and the rules of each kind. All problems at once."""

from __future__ import annotations

from kubelogic.kinds.validation.admission import Admission, admit
from kubelogic.kinds.validation.cached import Admitter
from kubelogic.kinds.validation.problems import Problem

__all__ = ["Admission", "Admitter", "Problem", "admit"]
