"""``--scale-up``: the cheapest nodes for what would wait, before the question is asked."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kubelogic.cli.common import standard_input
from kubelogic.cli.options import add_options
from kubelogic.report.style import Style

if TYPE_CHECKING:
    from kubelogic.cluster import Cluster
    from kubelogic.text import Notice
    from kubelogic.verbs.pools import Pools
    from kubelogic.verbs.reconciled import Options


def add_scale_up(parser: argparse.ArgumentParser) -> None:
    """``--scale-up``."""
    add_options(
        parser,
        """
        --scale-up POOL|FILE ...  first add the cheapest nodes for what would wait, of types that can be had (see
            capacity --pools)
        """,
    )


def scaled_up(
    args: argparse.Namespace, cluster: Cluster, options: Options
) -> tuple[Cluster, Pools | None, tuple[Notice, ...]]:
    """The cluster with the cheapest nodes for what would wait, those nodes, and what the types have to say.

    Without ``--scale-up`` the cluster as it is.
    """
    if not args.scale_up:
        return cluster, None, ()
    from kubelogic.apiserver.node_types import read_node_types
    from kubelogic.verbs.pools import cheapest_pools, expecting
    from kubelogic.verbs.pools import scaled_up as with_nodes

    types = read_node_types(args.scale_up, standard_input(args.scale_up), option="--scale-up")
    cluster = expecting(cluster, types.coming)
    added = cheapest_pools(cluster, types.types, options, pools=types.pools)
    return with_nodes(cluster, types.types, added), added, types.notices


def added_text(added: Pools | None, style: Style) -> list[str]:
    """The nodes that were added, for a person; nothing if none were asked for."""
    if added is None:
        return []
    from kubelogic.report.pools import render_pools

    return [render_pools(replace(added, notices=()), style)]


def added_document(added: Pools | None) -> dict[str, Any] | None:
    """The same within a document."""
    if added is None:
        return None
    from kubelogic.report.pools import pools_document

    return pools_document(added)
