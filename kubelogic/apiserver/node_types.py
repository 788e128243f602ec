"""Nodes that can be had: what ``--pools`` names, as template nodes with a price and a number.

A type of node is written as what it is, a Node, with the annotations ``kubelogic.dev/price`` (of one, in any currency;
1 without it) and ``kubelogic.dev/limit`` (how many can be had). A pool in short form (``kinds.pools``) is one, too. Of
the Cluster API, a MachineDeployment says with annotations what its machines offer. Of Karpenter, a NodePool says which
types of nodes it takes, and what labels, taints and limits it adds; a NodeOverlay changes their price or resources; a
NodeClaim is a node that is on its way.

Source: cluster-autoscaler cloudprovider/clusterapi (annotations for scaling from zero), Karpenter's API v1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.intake import Admissions
from kubelogic.apiserver.item_parts import part
from kubelogic.apiserver.karpenter import POOL, NodePool, karpenter_nodes, node_pool, read_requirements, unmet
from kubelogic.apiserver.karpenter_overlays import NodeOverlay, node_overlay, overlaid
from kubelogic.apiserver.node_claims import coming_node
from kubelogic.apiserver.node_pools import assumption
from kubelogic.cluster.edit import edited
from kubelogic.cluster.objects import Object, as_object
from kubelogic.kinds import pools, quantity
from kubelogic.kinds.pools import Pool
from kubelogic.kinds.validation import admit
from kubelogic.patterns import regex
from kubelogic.text import documents, sources
from kubelogic.text.archives import sources_of
from kubelogic.text.documents import Item, fault_at
from kubelogic.text.location import Fault, InputError, Location
from kubelogic.text.notices import Notice
from kubelogic.text.numbers import whole
from kubelogic.text.origin import ItemOrigin

PRICE, LIMIT = "kubelogic.dev/price", "kubelogic.dev/limit"
_CAPACITY = "capacity.cluster-autoscaler.kubernetes.io/"
_GROUP = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-"
_OFFERS = {"cpu": "cpu", "memory": "memory", "maxPods": "pods", "ephemeral-disk": "ephemeral-storage"}
_AMOUNTS = (*_OFFERS, "gpu-count")
_NUMBER = regex(r"[0-9]{1,9}(\.[0-9]{1,6})?")


class NodeType(msgspec.Struct, frozen=True, kw_only=True):
    """A type of node that can be had.

    Attributes:
        node: what one of it is like.
        price: of one, in the currency of the input.
        limit: how many can be had.
    """

    node: Object
    price: Fraction
    limit: int

    @property
    def pool(self) -> str:
        """The NodePool that it is of; empty for others."""
        return str((self.node.document["metadata"].get("labels") or {}).get(POOL) or "")


class NodeTypes(msgspec.Struct, frozen=True, kw_only=True):
    """All types, sorted by name, the NodePools that they are of, and what there is to say about how they were read.

    ``coming`` are nodes that are on their way already: of NodeClaims.
    """

    types: tuple[NodeType, ...]
    pools: tuple[NodePool, ...] = ()
    coming: tuple[Object, ...] = ()
    notices: tuple[Notice, ...] = ()


def renamed(node: Object, name: str) -> Object:
    """A node like another one, under a name of its own."""
    labels = {**(node.document["metadata"].get("labels") or {}), "kubernetes.io/hostname": name}
    document = {**node.document, "metadata": {"name": name, "labels": labels}}
    return msgspec.structs.replace(node, name=name, key="", document=document)


def cordoned(node: Object) -> Object:
    """The node, open for DaemonSets alone."""
    return edited(node, ["spec"], {"unschedulable": True})


def read_node_types(texts: Iterable[str], stdin: bytes | None = None, *, option: str = "--pools") -> NodeTypes:
    """The types of nodes that texts name: pools in short form, or files and directories.

    Args:
        texts: as typed.
        stdin: the bytes that ``-`` stands for.
        option: behind which they were typed; messages call them so.

    Raises:
        InputError: with all that is wrong, each with its place.
    """
    faults: list[Fault] = []
    types: list[NodeType] = []
    names: list[str] = []
    assumed: list[Notice] = []
    for text in texts:
        if not pools.is_pool(text):
            names.append(text)
            continue
        pool, wrong = pools.parse(text, option)
        faults += wrong
        if pool is not None:
            types.append(_of_pool(pool, len(types) + 1))
            assumed += assumption(pool, option)
    found, unreadable = sources.find(names)
    faults += unreadable
    items: list[Item] = []
    for read in (each for name in found for each in sources_of(name, stdin)):
        match read:
            case Fault() as fault:
                faults.append(fault)
            case source:
                items += documents.read(source, faults)
    admission = Admissions(namespace="default", faults=faults)
    on_their_way = Admissions(namespace="default", faults=faults)
    notices = assumed + _take(items, admission, on_their_way, option)
    unchecked: list[Fault] = []
    found_pools = tuple(node_pool(item, unchecked) for item in items if _is_node_pool(item))
    types += [_of_node(node, option, faults) for node in _nodes(admission)]
    coming = tuple(_nodes(on_their_way))
    if not types and not faults:
        message = (
            "there is no type of node in it: a Node, a MachineDeployment that says what it offers, or 10:4cpu:16Gi"
        )
        faults.append(Fault(location=Location(file=", ".join(names) or option), code="KL118", message=message))
    if faults:
        raise InputError(faults)
    return NodeTypes(
        types=tuple(sorted(types, key=lambda each: each.node.name)),
        pools=tuple(sorted(found_pools, key=lambda each: (-each.weight, each.name))),
        coming=coming,
        notices=tuple(sorted(notices, key=lambda notice: notice.order)),
    )


def _nodes(admission: Admissions) -> Iterator[Object]:
    for entry in admission.settle():
        yield Object(
            api_version="v1", kind="Node", namespace="", name=entry.name, document=entry.document, origin=entry.origin
        )


def _is_node_pool(item: Item) -> bool:
    return _is_of_karpenter(item, "NodePool")


def _is_of_karpenter(item: Item, kind: str) -> bool:
    group = item.document["apiVersion"].partition("/")[0]
    return (group, item.document["kind"]) == ("karpenter.sh", kind)


def _of_pool(pool: Pool, number: int) -> NodeType:
    """Of a pool in short form: its number of nodes is how many can be had, at a price of 1 each."""
    document = next(iter(pools.node_documents([replace(pool, count=1)])))
    name = f"pool-{number}"
    labels = {**document["metadata"]["labels"], "kubernetes.io/hostname": name}
    document = {**document, "metadata": {"name": name, "labels": labels}}
    return NodeType(node=as_object(admit(document, namespace="default").document), price=Fraction(1), limit=pool.count)


def _of_node(node: Object, option: str, faults: list[Fault]) -> NodeType:
    annotations = node.document["metadata"].get("annotations") or {}
    price, limit = Fraction(1), pools.MOST
    if PRICE in annotations:
        if _NUMBER.fullmatch(annotations[PRICE]):
            price = Fraction(annotations[PRICE])
        else:
            faults.append(_fault(node, option, PRICE, "is a number such as 0.192, without a currency"))
    if LIMIT in annotations:
        told = whole(annotations[LIMIT])
        if told is not None and told <= pools.MOST:
            limit = told
        else:
            faults.append(_fault(node, option, LIMIT, f"is a whole number, {pools.MOST:,} at most"))
    return NodeType(node=node, price=price, limit=limit)


def _fault(node: Object, option: str, annotation: str, message: str) -> Fault:
    path = ("metadata", "annotations", annotation)
    if not isinstance(node.origin, ItemOrigin):
        return Fault(location=Location(file=option), code="KL118", message=f"{annotation} {message}")
    return fault_at(node.origin, path, "KL118", message, title=str(node))


def _take(items: Iterable[Item], admission: Admissions, on_their_way: Admissions, option: str) -> list[Notice]:
    """Admit what types of nodes and nodes there are; what else stands beside them is left out, which is said."""
    notices: list[Notice] = []
    nodes: list[Item] = []
    provisioners: list[Item] = []
    overlays: list[NodeOverlay] = []
    left: dict[str, int] = {}
    for item in items:
        group, kind = item.document["apiVersion"].partition("/")[0], item.document["kind"]
        if (group, kind) == ("v1", "Node"):
            nodes.append(item)
        elif (group, kind) == ("cluster.x-k8s.io", "MachineDeployment"):
            nodes += _of_machines(item, admission.faults)
        elif _is_node_pool(item):
            provisioners.append(item)
        elif _is_of_karpenter(item, "NodeOverlay"):
            overlay = node_overlay(item, admission.faults)
            overlays += [overlay] if overlay is not None else []
        elif _is_of_karpenter(item, "NodeClaim"):
            match coming_node(item, admission.faults):
                case Item() as node:
                    on_their_way.take(node)
                    claim = str((item.document.get("metadata") or {}).get("name", ""))
                    message = f"NodeClaim {claim} is on its way: the node that it brings counts as if it were there"
                    notices.append(Notice(code="KL119", message=message, location=item.origin.locate(("kind",))))
                case Notice() as notice:
                    notices.append(notice)
        else:
            file = item.origin.document.source.name
            left[file] = left.get(file, 0) + 1
    made: list[tuple[str, Item]] = []
    useless: list[Notice] = []
    for item in provisioners:
        before = len(admission.faults)
        of_this = list(karpenter_nodes(item, nodes, LIMIT, admission.faults))
        made += of_this
        if not of_this and len(admission.faults) == before:
            message = f"{item.title} takes no type of node: {_unmet(item, nodes)}"
            useless.append(Notice(code="KL119", message=message, location=item.origin.locate(())))
    if not made:
        admission.faults += [
            Fault(location=each.location, code="KL118", message=each.message) for each in useless if each.location
        ]
    notices += useless
    of_pools, said = overlaid(made, overlays, PRICE)
    for item in of_pools if provisioners else nodes:
        admission.take(item)
    left_out = [
        Notice(
            code="KL119",
            message=f"only types of nodes count of this file, as {option} names it: {count} other objects left out",
            location=Location(file=file),
            count=count,
        )
        for file, count in sorted(left.items())
    ]
    return [*notices, *said, *left_out]


def _unmet(pool: Item, machines: Iterable[Item]) -> str:
    """For a pool that takes no machine: against which of its requirements each is."""
    inner = part(pool, ("spec", "template"), dict, [])
    own = (inner.get("metadata") or {}).get("labels") or {}
    requirements = read_requirements((inner.get("spec") or {}).get("requirements"), lambda _path, _code, _message: None)
    against: dict[str, list[str]] = {}
    for machine in machines:
        metadata = machine.document["metadata"]
        key = unmet(requirements, {**(metadata.get("labels") or {}), **own})
        against.setdefault(key, []).append(str(metadata.get("name")))
    return "; ".join(
        f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''} without a {key} that all its requirements of"
        " this key take"
        for key, names in sorted(against.items())
    )


def _of_machines(item: Item, faults: list[Fault]) -> Iterator[Item]:
    """What the machines of a MachineDeployment are like, as its annotations for scaling from zero say."""
    before = len(faults)
    metadata = part(item, ("metadata",), dict, faults)
    annotations = part(item, ("metadata", "annotations"), dict, faults)
    there = part(item, ("spec",), dict, faults).get("replicas") or 0
    if type(there) is not int or there < 0:
        faults.append(item.fault(("spec", "replicas"), "KL110", "is a whole number, 0 or more"))
    if len(faults) > before:
        return
    offers = {name: annotations[_CAPACITY + key] for key, name in _OFFERS.items() if _CAPACITY + key in annotations}
    missing = [f"{_CAPACITY}{key}" for key in ("cpu", "memory") if _CAPACITY + key not in annotations]
    if missing:
        message = f"what its machines offer is not known: it lacks the annotations {' and '.join(missing)}"
        faults.append(item.fault(("metadata", "annotations"), "KL118", message))
        return
    for each in (_CAPACITY + key for key in _AMOUNTS if _CAPACITY + key in annotations):
        try:
            quantity.parse(annotations[each])
        except ValueError:
            faults.append(
                item.fault(("metadata", "annotations", each), "KL113", f"{annotations[each]!r} is no quantity")
            )
    if len(faults) > before:
        return
    if gpus := annotations.get(_CAPACITY + "gpu-count"):
        offers[annotations.get(_CAPACITY + "gpu-type", "nvidia.com/gpu")] = gpus
    name = str(metadata.get("name", ""))
    told = whole(annotations.get(_GROUP + "max-size"))
    most = pools.MOST if told is None else told
    labels = dict(
        part.split("=", 1) for part in str(annotations.get(_CAPACITY + "labels", "")).split(",") if "=" in part
    )
    taints = [_taint(part) for part in str(annotations.get(_CAPACITY + "taints", "")).split(",") if ":" in part]
    kept = {key: annotations[key] for key in (PRICE,) if key in annotations}
    yield _item(
        item,
        name,
        labels={"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", **labels},
        annotations={**kept, LIMIT: str(max(0, most - there))},
        taints=taints,
        offers={"pods": pools.DEFAULTS["pods"], "ephemeral-storage": pools.DEFAULTS["ephemeral-storage"], **offers},
    )


def _taint(text: str) -> dict[str, str]:
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return {"key": key, **({"value": value} if value else {}), "effect": effect}


def _item(
    item: Item,
    name: str,
    *,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    taints: list[dict[str, str]],
    offers: Mapping[str, Any],
) -> Item:
    """The Node that stands for the machines of another object, at its place."""
    document = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**labels, "kubernetes.io/hostname": name},
            "annotations": dict(annotations),
        },
        "spec": {"taints": taints} if taints else {},
        "status": {"capacity": dict(offers), "allocatable": dict(offers)},
    }
    return msgspec.structs.replace(item, document=document)
