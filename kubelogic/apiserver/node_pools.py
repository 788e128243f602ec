"""Nodes that the command line adds to what was read: pools in short form, and the nodes of other files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from kubelogic.apiserver.intake import Admissions
from kubelogic.cluster.objects import Object, as_object
from kubelogic.kinds import pools
from kubelogic.kinds.pools import Pool
from kubelogic.kinds.validation import admit
from kubelogic.text import documents, sources
from kubelogic.text.archives import sources_of
from kubelogic.text.location import Fault, Location
from kubelogic.text.notices import Notice


def added_nodes(
    texts: Iterable[str], admission: Admissions, stdin: bytes | None
) -> tuple[tuple[Pool, ...], tuple[Notice, ...]]:
    """The pools that texts name; the nodes of files are taken at once. What is wrong goes to the faults.

    Args:
        texts: pools in short form and names of files or directories.
        admission: takes the nodes of files, and has the faults.
        stdin: the bytes that ``-`` stands for.
    """
    found: list[Pool] = []
    notices: list[Notice] = []
    for text in texts:
        if not pools.is_pool(text):
            notices += _of_file(text, admission, stdin)
            continue
        pool, faults = pools.parse(text)
        admission.faults += faults
        if pool is not None:
            found.append(pool)
            notices += assumption(pool, pools.NODES)
    total = sum(pool.count for pool in found)
    if total > pools.MOST:
        message = f"the pools have {total:,} nodes together; {pools.MOST:,} is the most"
        admission.faults.append(Fault(location=Location(file=pools.NODES), code="KL118", message=message))
    return tuple(found), tuple(notices)


def assumption(pool: Pool, option: str) -> list[Notice]:
    """What a pool in short form does not say and is taken to have; nothing if it says all.

    Args:
        pool: it.
        option: behind which it was typed.
    """
    if not pool.assumed:
        return []
    what = " and ".join(f"{pool.offers[name]} of {name}" for name in pool.assumed)
    message = f"{pool.text} does not say it, so its nodes have {what} each: such as {pool.count}:8cpu:32Gi does"
    return [Notice(code="KL119", message=message, location=Location(file=option))]


def _of_file(name: str, admission: Admissions, stdin: bytes | None) -> list[Notice]:
    """Take the nodes of a file; what else stands in it is left out, which is said."""
    faults = admission.faults
    names, unreadable = sources.find([name])
    hint = "; a pool in short form starts with its number of nodes, such as 3:4cpu:16Gi"
    typed = ":" in name or name.startswith("-") or name[:1].isdigit()
    faults += [structs.replace(each, message=each.message + hint) for each in unreadable] if typed else unreadable
    left, taken = 0, 0
    for read in (each for found in names for each in sources_of(found, stdin)):
        match read:
            case Fault() as fault:
                faults.append(fault)
            case source:
                for item in documents.read(source, faults):
                    if (item.document["apiVersion"], item.document["kind"]) == ("v1", "Node"):
                        admission.take(item)
                        taken += 1
                    else:
                        left += 1
    if names and not taken and not faults:
        faults.append(Fault(location=Location(file=name), code="KL118", message=f"there is no Node in it{hint}"))
    if left and taken:
        message = f"of this file only the nodes count, as {pools.NODES} names it: {left} other objects were left out"
        return [Notice(code="KL119", message=message, location=Location(file=name), count=left)]
    return []


def nodes_of(found: Sequence[Pool], given: Iterable[Object]) -> list[Object]:
    """The nodes of pools, beside what is there."""
    taken = {each.name for each in given if each.kind == "Node"}
    return [as_object(admit(document, namespace="default").document) for document in pools.node_documents(found, taken)]
