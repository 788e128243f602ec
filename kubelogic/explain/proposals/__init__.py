"""Changes that might get a pending pod placed, one module for each thing that they are about.

Nothing here is tried; ``kubelogic.explain.repairs`` keeps what works. ``registry.PROPOSALS`` is the table: to propose
something for another kind of blocker, write a function from a ``Case`` to candidates and add its row.
"""
