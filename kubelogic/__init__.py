"""A Kubernetes control plane written as logic: plan, explain and prove placements, offline.

The public API is the verbs of the command line as functions over immutable values::

    from kubelogic import load, plan, explain

The heavy engines (z3, pyDatalog) are imported only when a verb needs them.
"""

__version__ = "0.1.0"
