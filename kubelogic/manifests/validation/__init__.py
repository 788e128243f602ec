"""What the API server refuses: types, unknown fields, and the rules of each kind. All problems at once."""

from __future__ import annotations

from kubelogic.manifests.validation.admission import Admission, admit
from kubelogic.manifests.validation.cached import Admitter
from kubelogic.manifests.validation.cross import cross_check
from kubelogic.manifests.validation.problems import Problem

__all__ = ["Admission", "Admitter", "Problem", "admit", "cross_check"]
