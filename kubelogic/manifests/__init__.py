"""Text to objects: YAML, JSON, directories and stdin, with positions, validation and defaults."""

from kubelogic.manifests.location import Fault, InputError, Location
from kubelogic.manifests.notices import Notice
from kubelogic.manifests.objects import Document, Object
from kubelogic.manifests.reading import Reading, load

__all__ = ["Document", "Fault", "InputError", "Location", "Notice", "Object", "Reading", "load"]
