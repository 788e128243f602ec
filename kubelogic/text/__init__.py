"""Bytes to documents: YAML, JSON, directories and standard input, with the place of everything."""

from kubelogic.text.location import Fault, InputError, Location
from kubelogic.text.notices import Notice

__all__ = ["Fault", "InputError", "Location", "Notice"]
