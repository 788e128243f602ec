"""The state of a cluster as an immutable value: objects and their indexes, and what actions do to it."""

from kubelogic.cluster.cluster import Cluster
from kubelogic.cluster.objects import Object

__all__ = ["Cluster", "Object"]
