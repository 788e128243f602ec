"""The state of a cluster as an immutable value: objects and their indexes, and what actions do to it."""

from kubelogic.cluster.objects import Object
from kubelogic.cluster.state import Cluster

__all__ = ["Cluster", "Object"]
