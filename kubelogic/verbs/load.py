"""Load: manifests to a cluster, from wherever a program has them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kubelogic.apiserver.reading import load as read
from kubelogic.cluster import Cluster, Object
from kubelogic.verbs.arguments import FLAG, PATHS, TEXT, expect

Path = str | os.PathLike[str]
Document = Mapping[str, Any]
Source = Path | bytes | Document | Iterable[Path | bytes | Document]
"""What ``load`` takes: a path, text or bytes of manifests, an object as a mapping, or several of these."""


def load(
    source: Source,
    *,
    namespace: str = "default",
    keep_going: bool = False,
    nodes: Iterable[Path] = (),
    default_storage_class: str = "",
) -> Cluster:
    """The cluster that some manifests describe.

    Args:
        source: a file or directory of YAML and JSON (output of ``kubectl get -o yaml|json`` among them); manifests
            themselves: bytes, or text that has a line break or begins with a brace; an object as a mapping; or several
            of these.
        namespace: where namespaced objects go that do not say.
        keep_going: leave out what the API server would refuse.
        nodes: further nodes, such as ``3:4cpu:16Gi`` (see ``kubelogic.kinds.pools``), or files of nodes.
        default_storage_class: the class of claims that name none, whether it is in the input or not.

    Raises:
        InputError: with every fault of every file.
        TypeError: if ``source`` is none of these.
        ValueError: if it holds more than one text, or text beside mappings: put them together first.

    >>> load({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    <Cluster Namespace: 1>
    """
    expect(TEXT, namespace=namespace, default_storage_class=default_storage_class)
    expect(FLAG, keep_going=keep_going)
    expect(PATHS, nodes=nodes)
    pools = list(nodes)
    expect(PATHS, nodes=pools)
    paths: list[Path] = []
    texts: list[bytes] = []
    documents: list[Document] = []
    for each in _several(source):
        match each:
            case str() if "\n" in each or each.lstrip().startswith("{"):
                texts.append(each.encode("utf-8", "surrogatepass"))
            case bytes():
                texts.append(each)
            case str() | os.PathLike():
                paths.append(each)
            case Mapping():
                documents.append(each)
            case Object():
                raise TypeError(f"{each} is loaded already: load takes paths, text and mappings")
            case _:
                raise TypeError(f"load takes paths, text and mappings, not {type(each).__name__}")
    if documents:
        whole = {"apiVersion": "v1", "kind": "List", "items": documents}
        try:
            texts.append(msgspec.json.encode(whole))
        except RecursionError:
            raise TypeError("an object holds itself, or is nested too deeply") from None
        except (TypeError, ValueError) as error:
            raise TypeError(f"an object is no JSON: {error}") from error
    if len(texts) > 1:
        raise ValueError("load takes one text, and mappings only without it")
    stdin = texts[0] if texts else None
    names = [*paths, *(["-"] if texts else [])]
    found = read(
        names,
        stdin=stdin,
        namespace=namespace,
        keep_going=keep_going,
        nodes=[os.fspath(each) for each in pools],
        default_storage_class=default_storage_class,
    )
    return Cluster.of(found.objects)


def _several(source: Any) -> Iterable[Any]:
    """The parts of what ``load`` was given."""
    if isinstance(source, str | bytes | os.PathLike | Mapping):
        return (source,)
    if isinstance(source, Cluster):
        raise TypeError("a Cluster is loaded already: load takes paths, text and mappings")
    if isinstance(source, io.IOBase) or not isinstance(source, Iterable):
        raise TypeError(f"load takes paths, text and mappings, not {type(source).__name__}")
    return source
