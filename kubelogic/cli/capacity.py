"""``kubelogic capacity``: how many more of a pod fit, and the fewest nodes that hold everything."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from kubelogic.cli import NO, UNKNOWN, YES, UsageError, common
from kubelogic.cli.options import add_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubelogic.cluster import Cluster, Object
    from kubelogic.text import Notice


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.add_inputs(parser)
    add_options(
        parser,
        """
        --pod FILE  a manifest with the pod, or with a workload that has its template (the first in the file; what
            else is in it counts only where a PATH names it, too), or one of the input such as deploy/web; without
            it, only the fewest nodes that hold everything
        --resource NAME=AMOUNT ...  instead of --pod: a pod that requests this, such as cpu=2 or cpu=2,memory=4Gi (may
            be given several times)
        --replicas N  how many more have to fit (default 1); see exit codes
        --minimize {nodes,nothing}  nodes: also find the fewest nodes of the cluster's types that hold everything
            (default)
        --pools POOL|FILE ...  instead: the cheapest nodes to add for all that waits, of types that can be had: so
            many of a size (10:4cpu:16Gi), or a file with a Node of each type, its price and limit in annotations;
            several times
        --spare  instead: which nodes can go, drained one after the other, budgets kept
        """,
        {"--replicas": {"type": _count}, "--minimize": {"default": "nodes"}},
    )
    common.add_moves(parser)
    common.add_scheduling(parser)
    common.add_rules(parser)
    common.add_output(parser)
    common.add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Answer and print; 0 if at least ``--replicas`` more fit, 1 if not, 3 if a limit hides the answer."""
    from kubelogic.report.capacity import capacity_document, render_capacity
    from kubelogic.verbs.capacity import capacity
    from kubelogic.verbs.probe import NoPodError

    if args.spare:
        return _spare(args)
    if args.pools:
        return _pools(args)
    if args.pod and args.resource:
        raise UsageError("--pod and --resource exclude each other: write the request into the manifest")
    if args.replicas is not None and not (args.pod or args.resource):
        raise UsageError("--replicas is about more of a pod: say which with --pod or --resource")
    args.replicas = args.replicas or 1
    args.resource = [each for item in args.resource for each in item.split(",")]
    pod: Object | None = _quick(args) if args.resource else None
    if args.pod:
        cluster, pod, notices = _read(args)
    else:
        cluster, notices = common.read_cluster(args), common.taken(args)
    try:
        with common.watching(args) as options:
            found = capacity(
                cluster,
                pod,
                options,
                replicas=args.replicas,
                minimize=args.minimize == "nodes",
                allow_moves=args.allow_moves,
                notices=notices,
                request=" and ".join(args.resource),
            )
    except NoPodError as error:
        raise UsageError(f"--pod {args.pod}: {error}") from error
    common.answer(args, found, render_capacity, capacity_document)
    if found.nodeless:
        return UNKNOWN
    unknown = bool(found.lacking.remarks)
    if pod is None:
        if found.late or ((unknown or found.unsure) and found.nodes is not None and not found.left_out):
            return UNKNOWN
        return NO if found.nodes is None or found.left_out else YES
    moved = found.moves is not None and found.moves.verdict == "enough" and not found.moves.left
    if found.optimal >= args.replicas or moved:
        return UNKNOWN if found.unsure or unknown else YES
    return UNKNOWN if found.most >= args.replicas else NO


def _spare(args: argparse.Namespace) -> int:
    """Which nodes can go; 0 if some can, 1 if none can, 3 if that is not known."""
    from kubelogic.report.consolidation import consolidation_document, render_consolidation
    from kubelogic.verbs.consolidation import consolidation

    if args.pod or args.resource or args.pools or args.allow_moves is not None:
        raise UsageError("--spare is about the cluster as it is: without --pod, --resource, --pools and --allow-moves")
    cluster, notices = common.read_cluster(args), common.taken(args)
    with common.watching(args) as options:
        found = consolidation(cluster, options, notices=notices)
    common.answer(args, found, render_consolidation, consolidation_document)
    if found.goes:
        return YES
    return UNKNOWN if found.unsure or found.untried or not found.nodes else NO


def _pools(args: argparse.Namespace) -> int:
    """The cheapest nodes to add; 0 if all that waits finds a node then, 1 if not, 3 if it is not known."""
    from kubelogic.apiserver.node_types import read_node_types
    from kubelogic.report.pools import pools_document, render_pools
    from kubelogic.verbs.pools import cheapest_pools, expecting

    if args.pod or args.resource or args.allow_moves is not None:
        raise UsageError("--pools is about what waits in the cluster: without --pod, --resource and --allow-moves")
    types = read_node_types(args.pools, common.standard_input(args.pools))
    cluster, notices = common.read_cluster(args), common.taken(args)
    cluster = expecting(cluster, types.coming)
    with common.watching(args) as options:
        found = cheapest_pools(cluster, types.types, options, pools=types.pools, notices=(*notices, *types.notices))
    common.answer(args, found, render_pools, pools_document)
    if not found.enough or found.hopeless:
        return NO
    return UNKNOWN if found.unsure else YES


def _quick(args: argparse.Namespace) -> Object:
    """A pod that only requests what ``--resource`` says."""
    from kubelogic.cluster import Object
    from kubelogic.kinds import quantity
    from kubelogic.kinds.validation.problems import Report
    from kubelogic.kinds.validation.resources import can_overcommit, container_resource, requirements

    requests: dict[str, str] = {}
    for item in args.resource:
        name, equals, amount = item.partition("=")
        try:
            quantity.parse(amount)
        except ValueError as error:
            raise UsageError(f"--resource takes NAME=AMOUNT such as cpu=2 or memory=4Gi, not {item!r}") from error
        if quantity.parse(amount) < 0:
            raise UsageError(f"--resource {item}: an amount is at least 0")
        if not equals or not name:
            raise UsageError(f"--resource takes NAME=AMOUNT such as cpu=2 or memory=4Gi, not {item!r}")
        if wrong := container_resource(name):
            raise UsageError(f"--resource {item}: {name} {wrong}")
        if name in requests:
            raise UsageError(f"--resource {item}: {name} is given twice")
        requests[name] = amount
    name = "pod"
    namespace = args.namespace or "default"
    resources = {"requests": requests, "limits": {k: v for k, v in requests.items() if not can_overcommit(k)}}
    report = Report()
    requirements(report, (), resources, container_resource)
    for problem in report.problems:  # what the API server says of such a pod
        resource = "=".join(map(str, problem.path[-1:])) or " and ".join(requests)
        raise UsageError(f"--resource {resource}: {problem.message}")
    return Object(
        api_version="v1",
        kind="Pod",
        namespace=namespace,
        name=name,
        document={
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [{"name": "app", "image": "app", "resources": resources}]},
        },
    )


def _read(args: argparse.Namespace) -> tuple[Cluster, Object, tuple[Notice, ...]]:
    """The cluster, and the first object of ``--pod`` that is a pod or makes pods.

    Both are read together, so that the pod may name a priority class of the cluster. What stands in the file
    belongs to the cluster only if the paths name the file, too.
    """
    file = Path(args.pod)
    if os.path.isdir(file):
        raise UsageError(f"--pod {args.pod}: it is a folder; name the file with the pod")
    if not common.there(file):
        return _of_the_input(args)
    paths = [Path(path) for path in args.paths]
    args.paths = [*args.paths, args.pod]
    cluster, notices = common.read_cluster(args), common.taken(args)
    inside = any(common.there(path) and (file.samefile(path) or _below(file, path)) for path in paths)
    written = {
        each.origin.order: each for each in cluster if each.origin is not None and _is(each.origin.order[0], file)
    }
    makers = [each for _, each in sorted(written.items()) if _makes_pods(each)]
    if not makers:
        makers, inside = [each for each in _told_before(cluster, args) if _makes_pods(each)], True
    if not makers:
        raise UsageError(f"--pod {args.pod}: there is no pod and no workload in it")
    if not inside:
        from kubelogic.apiserver.supposing import supposed

        cluster = supposed(cluster, without=[(each.kind, each.key) for each in written.values()])
    return cluster, makers[0], notices


def _of_the_input(args: argparse.Namespace) -> tuple[Cluster, Object, tuple[Notice, ...]]:
    """The cluster, and an object of it that ``--pod`` names as explain does: ``deploy/web``."""
    from kubelogic.verbs.targets import KINDS, UnknownPodError, find

    kind, slash, _ = args.pod.partition("/")
    if not slash or kind.partition(".")[0].lower() not in KINDS:
        raise UsageError(f"--pod {args.pod}: no such file (of what is in the input: KIND/NAME, such as deploy/web)")
    cluster, notices = common.read_cluster(args), common.taken(args)
    try:
        target = find(cluster, args.pod, args.namespace)
    except UnknownPodError as error:
        raise UsageError(f"--pod {args.pod}: {error}") from error
    found = cluster.get(target.kind, target.key)
    if found is None:
        raise UsageError(f"--pod {args.pod}: {target.kind} {target.key} is not in the input itself")
    return cluster, found, notices


def _told_before(cluster: Cluster, args: argparse.Namespace) -> Iterator[Object]:
    """What stands in the file of ``--pod`` and, word for word, in another one: it counts as of that one."""
    from kubelogic.text import documents, sources

    source = sources.read(args.pod, None)
    for item in documents.read(source, []) if isinstance(source, sources.Source) else ():
        metadata = item.document.get("metadata") or {}
        key = f"{metadata.get('namespace') or args.namespace}/{metadata.get('name')}"
        found = cluster.get(str(item.document.get("kind")), key)
        if found is not None:
            yield found


def _makes_pods(obj: Object) -> bool:
    spec = obj.document.get("spec")
    return obj.kind == "Pod" or (isinstance(spec, dict) and ("template" in spec or "jobTemplate" in spec))


def _is(name: str, file: Path) -> bool:
    return common.there(name) and file.samefile(name)


def _below(file: Path, directory: Path) -> bool:
    return os.path.isdir(directory) and directory.resolve() in file.resolve().parents


def _count(text: str) -> int:
    value = common.whole(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value
