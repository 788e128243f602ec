"""What a word of scenarios is: how it is read, what it does, its fields and an example.

The function that reads a word is decorated with ``word``. Its docstring is what the word does, as the reference page
says it, in Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from kubelogic.patterns import regex
from kubelogic.reconcile.scenario import Operation
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.scenario_choices import about, node_choice, nodes
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError, kind_named

Reader = Callable[[Fields], Operation]
Bare = Callable[[Any, FieldPath], Operation]


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a step can do.

    Attributes:
        name: the word.
        does: what it does, as a sentence.
        example: steps that use it, as they stand in a scenario.
        fields: its fields, with what they mean.
        also: further fields that are not told here, because the page tells them together.
        read: makes the operation of the fields; None if it takes none.
        bare: makes the operation of what stands there instead of fields; None if there is no such form.
    """

    name: str
    does: str
    example: str
    fields: Mapping[str, str] = {}
    also: tuple[str, ...] = ()
    read: Reader | None = None
    bare: Bare | None = None

    def operation(self, fields: Fields | Any, path: FieldPath, make: Callable[[Any], Fields]) -> Operation:
        """The operation of what stands behind the word.

        Raises:
            WrongFieldError: if it says nothing that can be done.
        """
        if isinstance(fields, Mapping) and self.read is not None:
            given = make(fields)
            given.check((*self.fields, *self.also))
            return self.read(given)
        if self.bare is not None:
            return self.bare(fields, path)
        raise WrongFieldError(path, f"must be a mapping, such as {self._meant(fields)}")

    def _meant(self, value: Any) -> str:
        """What somebody means who writes ``node/oak`` or ``web`` where fields belong, after the word's example."""
        import yaml

        step: Mapping[str, Any] = yaml.safe_load(self.example)[0]
        fields = dict(next((each for each in step.values() if isinstance(each, Mapping)), {}))
        if isinstance(value, str) and _TYPED.fullmatch(value) and "name" in self.fields:
            kind, _, name = value.rpartition("/")
            for field in ("kind", "of", "name"):
                fields.pop(field, None)
            meant = kind_named(kind) if kind else "Pod"
            if "kind" in self.fields and (kind or "of" in self.fields):
                fields = {"kind": meant, "name": name, **fields}
            elif "of" in self.fields:
                fields = {"name": name, **fields} if meant == "Pod" else {"of": value, **fields}
            else:
                fields = {"name": value, **fields}
        text: str = yaml.safe_dump(fields, default_flow_style=True, sort_keys=False, width=1000)
        return text.strip()


def word(
    example: str, fields: Mapping[str, str], *, also: tuple[str, ...] = (), bare: Bare | None = None, name: str = ""
) -> Callable[[Reader], Word]:
    """Make a word of the function that reads its fields; for the arguments see ``Word``.

    Args:
        name: the word, where it is not that of the function.
    """

    def made(read: Reader) -> Word:
        first, *rest = read.__name__.split("_")
        called = name or first + "".join(map(str.capitalize, rest))
        does = " ".join((read.__doc__ or "").split())
        return Word(name=called, does=does, example=example, fields=fields, also=also, read=read, bare=bare)

    return made


def node_word(example: str, fields: Mapping[str, str] | None = None, *, bare: bool = False) -> Callable[[Reader], Word]:
    """Make a word that is about nodes of the function that reads its other fields: what that gives lacks the node.

    Args:
        example: see ``Word``.
        fields: those that do not say which nodes are meant.
        bare: whether nodes may be given instead of fields.
    """

    def made(read: Reader) -> Word:
        def about_nodes(given: Fields) -> Operation:
            return about(read(given), nodes(given))

        about_nodes.__name__, about_nodes.__doc__ = read.__name__, read.__doc__
        plain = partial(on_nodes, read(_NO_FIELDS)) if bare else None
        return word(example, {**NODE, **(fields or {})}, bare=plain)(about_nodes)

    return made


def on_nodes(template: Operation, value: Any, path: FieldPath) -> Operation:
    """An operation on what stands behind a word instead of fields: one node, several, or all with labels."""
    return about(template, node_choice(value, path))


_NO_FIELDS = Fields(value={}, path=(), namespace="", directory=Path())
_TYPED = regex(r"([A-Za-z]+/)?[a-z0-9.-]+")
"""What somebody types for kubectl: a name, perhaps with its kind."""

NAME = {"name": "its name; `sts/db` says the kind, too", "namespace": "else that of `-n`, or `default`"}
KIND = {"kind": "`Deployment` if left out"}
POD = {
    "name": "the pod's name, or instead",
    "of": "`web` or `sts/db`: a pod of that workload, running ones first, then by name",
    "selector": "labels: pods with them",
    "node": "only pods on this node",
    "count": "how many: 1 if left out, or `all`",
    "namespace": "else that of `-n`, or `default`",
}
NODE = {
    "node": "a name, a list of names, or labels such as `zone=a`; or instead",
    "nodes": "a list of names",
    "zone": "all nodes of a zone",
    "selector": "all nodes with labels",
}
WHICH = {
    "kind": "`Deployment` if left out, or any workload, or `Pod`",
    "name": "of the workload or pod, or instead",
    "of": "one pod of a workload (with `count`, `node`)",
    "selector": "pods with these labels",
    "image": "containers of this image",
    "container": "only containers of this name",
    "namespace": "else that of `-n`, or `default`",
}
