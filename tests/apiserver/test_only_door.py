"""``apiserver/`` is the only package that creates, changes or deletes an object of the state."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kubelogic

PACKAGE = Path(kubelogic.__file__).parent
INSIDE = ("apiserver", "cluster")

CHANGERS = frozenset({"replacing", "create", "put", "remove"})
"""Methods of clusters and transactions that change objects and pass no admission."""

RECEIVERS = {"create": {"tx"}, "put": {"tx"}, "remove": {"tx"}}
"""What these methods are called on where others have methods of that name."""

MAKERS = frozenset({"with_document"})
"""Functions that make another version of an object."""

QUESTIONS = {
    "reconcile/apply/carry_out.py": "opens the transaction in which all actions of a tick are carried out",
    "explain/written.py": "asks what a plugin would write, to find who wrote it; the transaction is forgotten",
    "verbs/talkers.py": "the part of a cluster that a question is about: its objects are as they were",
    "verbs/edits.py": "an input between two that were read: nobody has sent it to a cluster yet",
    "reconcile/loops.py": "moments of a loop that was leapt over are later",
}
"""Modules that do what looks like a change without a request, and why none of it is one."""


def changes(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Calls that change an object of the state, with their lines."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(attr=name, value=value) if name in CHANGERS:
                receivers = RECEIVERS.get(name)
                if receivers is None or (isinstance(value, ast.Name) and value.id in receivers):
                    yield name, node.lineno
            case ast.Name(id=name) if name in MAKERS:
                yield name, node.lineno
            case ast.Name(id="Cluster") if node.args:
                yield "Cluster", node.lineno
            case ast.Name(id="Transaction"):
                yield "Transaction", node.lineno


def test_nothing_else_changes_objects() -> None:
    found = [
        f"kubelogic/{name}:{line}: {call}: send a request of kubelogic.apiserver"
        for path in sorted(PACKAGE.rglob("*.py"))
        if (name := path.relative_to(PACKAGE).as_posix()).partition("/")[0] not in INSIDE and name not in QUESTIONS
        for call, line in changes(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("state.cluster.replacing([pod])", ["replacing"]),
        ("cluster.replacing(without=gone)", ["replacing"]),
        ("tx.create(kind='Pod')", ["create"]),
        ("tx.put(obj)", ["put"]),
        ("Transaction(state=state)", ["Transaction"]),
        ("Cluster({'Pod': pods})", ["Cluster"]),
        ("with_document(pod, document)", ["with_document"]),
        ("requests.create(state, document)", []),
        ("names.remove(name)", []),
        ("supposed(cluster, [pod])", []),
        ("Cluster.of(objects)", []),
    ],
)
def test_what_is_found(code: str, found: list[str]) -> None:
    assert [name for name, _ in changes(ast.parse(code))] == found
