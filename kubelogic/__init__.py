"""A Kubernetes control plane written as logic: plan, explain and prove placements, offline.

``kubelogic.api`` has the verbs of the command line as functions over immutable values.
"""

__version__ = "0.1.0"
