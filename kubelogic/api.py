"""The verbs of the command line as functions over immutable values: no printing, no global state.

``load(paths)`` reads manifests into a ``Cluster``; ``plan(cluster)`` and ``explain(cluster, pod)`` take it from
there, with ``Options`` that say how to reconcile. (They are not in ``kubelogic`` itself because ``kubelogic.explain``
is a package.)
"""

from kubelogic.cluster import Cluster
from kubelogic.text import InputError
from kubelogic.verbs.explain import Explanation, explain
from kubelogic.verbs.load import load
from kubelogic.verbs.plan import plan
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.results import Plan

__all__ = ["Cluster", "Explanation", "InputError", "Options", "Plan", "explain", "load", "plan"]
