"""Who gives a fact, and which of its fields decide it: asked for single facts, when somebody wants to know.

Normal runs pay nothing: the extractors are those that gave the facts, and are asked again for one object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from kubelogic.cluster import Object
from kubelogic.facts.base import Extractor, Fact, FactModule, Row, World, readers_of

if TYPE_CHECKING:
    from kubelogic.facts.tracing import Decided

CONTEXT = (
    "daemonset_shape",
    "image_mentioned",
    "node_class",
    "node_label_mentioned",
    "pod_program",
    "pod_shape",
    "pod_tolerations",
    "shape_annotation",
    "shape_label",
    "shape_labels",
    "topology_key",
)
"""The predicates whose rows a world needs, so that the facts of stages can be traced."""

_MEMBERS = ("pod_shape", "daemonset_shape", "node_class", "pod_program", "pod_tolerations")
"""Relations from an object to what stands for it and others like it, in their second column."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An object that gives a fact, and what decides it there."""

    obj: Object
    decided: Decided


class Places:
    """Finds the sources of the facts of one world."""

    def __init__(self, world: World, modules: Iterable[FactModule], *, asked: Object | None = None) -> None:
        """Nothing is looked at yet.

        Args:
            world: whose facts they are. Of ``CONTEXT`` it knows the rows.
            modules: those that gave the facts.
            asked: of objects that are alike, the one to speak of.
        """
        self._world = world
        self._asked = asked
        self._composed: dict[str, Callable[[Row], Sequence[Fact]]] = {}
        self._extractors: dict[str, list[Extractor]] = {}
        for module in modules:
            self._composed.update(module.composed)
            for kind, given in module.extractors.items():
                self._extractors.setdefault(kind, []).extend(each.extract for each in readers_of(given))
            for kind, extract in module.traced(world).items():
                self._extractors.setdefault(kind, []).append(extract)
        self._facts: dict[tuple[str, str], Sequence[frozenset[Fact]]] = {}
        self._found: dict[Fact, tuple[Source, ...]] = {}
        self._known: dict[str, tuple[Object, ...]] = {}

    def of(self, fact: Fact, near: Iterable[Fact] = ()) -> tuple[Source, ...]:
        """The sources of a fact: usually one; those of the facts that it is composed of; none for facts of no object.

        Args:
            fact: the predicate and the row.
            near: facts of the same proof. Of several objects that say the same, those that they are about are taken.
        """
        found = self._found.get(fact)
        if found is None:
            made_of = self._composed.get(fact[0])
            if made_of is not None:
                found = tuple(source for part in made_of(fact[1]) for source in self.of(part, near))
            else:
                giver = next(self._givers(fact, near), None)
                found = (self._source(*giver, fact),) if giver is not None else ()
            self._found[fact] = found
        return found

    def _source(self, obj: Object, extract: Extractor, fact: Fact) -> Source:
        from kubelogic.facts.tracing import decided

        found = decided(extract, obj, fact)
        assert found is not None  # it is among the facts of the object
        return Source(obj=obj, decided=found)

    def _givers(self, fact: Fact, near: Iterable[Fact]) -> Iterator[tuple[Object, Extractor]]:
        seen: set[int] = set()
        for obj in self._candidates(fact, near):
            if id(obj) not in seen:
                seen.add(id(obj))
                for extract, facts in zip(self._of(obj.kind), self._facts_of(obj), strict=True):
                    if fact in facts:
                        yield obj, extract

    def _of(self, kind: str) -> list[Extractor]:
        return [*self._extractors.get(kind, ()), *self._extractors.get("*", ())]

    def _facts_of(self, obj: Object) -> Sequence[frozenset[Fact]]:
        found = self._facts.get((obj.kind, obj.key))
        if found is None:
            found = [frozenset(extract(obj)) for extract in self._of(obj.kind)]
            self._facts[obj.kind, obj.key] = found
        return found

    def _candidates(self, fact: Fact, near: Iterable[Fact]) -> Iterator[Object]:
        """Objects in the order in which they are asked: whom the fact names, whom those around it name, all."""
        yield from self._named(fact)
        for each in near:
            yield from self._named(each)
        yield from self._world.cluster

    def _named(self, fact: Fact) -> Iterator[Object]:
        """The objects that a fact has the key of, and one of each group that it names; written ones first."""
        found: dict[int, Object] = {}
        for value in fact[1]:
            if not isinstance(value, str):
                continue
            for text in dict.fromkeys((value, value.rpartition(" ")[0], value.rpartition(" ")[2])):
                if text not in self._known:
                    self._known[text] = tuple(self._keyed(text))
                for obj in self._known[text]:
                    found[id(obj)] = obj
        yield from sorted(found.values(), key=lambda obj: (obj is not self._asked, obj.origin is None))

    def _keyed(self, text: str) -> Iterator[Object]:
        cluster, asked = self._world.cluster, self._asked
        if asked is not None and any(
            row[1] == text for each in _MEMBERS for row in self._world.rows(each, {0: asked.key})
        ):
            yield asked
        for kind in cluster.kinds():
            obj = cluster.get(kind, text)
            if obj is not None:
                yield obj
        for predicate in _MEMBERS:
            row = min(self._world.rows(predicate, {1: text}), default=None)
            key = None if row is None else str(row[0])
            for kind in ("Pod", "DaemonSet", "Node"):
                obj = None if key is None else cluster.get(kind, key)
                if obj is not None:
                    yield obj
