"""Load: manifests to a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterable

from kubelogic.apiserver.reading import load as read
from kubelogic.cluster import Cluster


def load(paths: Iterable[str | os.PathLike[str]], *, namespace: str = "default", keep_going: bool = False) -> Cluster:
    """The cluster that some manifests describe.

    Args:
        paths: files and directories of YAML and JSON; output of ``kubectl get -o yaml|json`` among them.
        namespace: where namespaced objects go that do not say.
        keep_going: leave out what the API server would refuse.

    Raises:
        InputError: with every fault of every file.
    """
    return Cluster.of(read(paths, namespace=namespace, keep_going=keep_going).objects)
