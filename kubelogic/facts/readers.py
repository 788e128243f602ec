"""Readers: what says which facts of one object follow from which of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from operator import or_

import msgspec

from kubelogic.cluster import Object
from kubelogic.facts.alike import MANY, Fact, Own, People
from kubelogic.facts.patterns import Asked, Patterns
from kubelogic.facts.replacements import EVERYTHING, Fields, Group, Pair

Extractor = Callable[[Object], Iterable[Fact]]
"""The facts of one object. Pure: equal objects have equal facts."""

_FIELDS = 2
"""So few fields are compared in all objects where a sample is not alike in them: it may be too small for that."""


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one object that follow from some of its fields.

    Attributes:
        extract: the facts.
        reads: all fields that it looks at beside the object's identity: sections of the document (``status``) and
            their fields (``spec.nodeName``).
        by: what decides the facts, all but the key, if many objects are alike in it: sections and fields again, a field
            with ``?`` if only whether it is there decides. Then ``extract`` is asked once for all objects that hold the
            very same values (``alike``).
        only: a field without which an object has none of these facts; with ``+`` behind it, one with more than one
            value.
        asks: for facts that differ from object to object although few objects have any: whether one has some. That,
            then, is what ``by`` decides.
        own: a field that ``by`` need not have although its text stands in the facts.
    """

    extract: Extractor
    reads: Fields = EVERYTHING
    by: tuple[str, ...] = ()
    only: str = ""
    asks: Callable[[Object], bool] | None = None
    own: Own | None = None

    def concerned(self, people: People) -> Iterable[Object]:
        """Those of some objects that can have the facts."""
        if self.asks:
            return people.asked(self.asks, self.by)
        return compress(people.objects, people.having(self.only)) if self.only else people.objects

    def concerned_pairs(self, group: Group) -> Iterable[Pair]:
        """Those of some replaced objects that can have the facts, or could before."""
        if self.asks:
            alike = group.alike(self.by)
            return [pair for found in alike if any(map(self.asks, found[0])) for pair in found]
        if not self.only:
            return group.pairs
        had, has = group.was.having(self.only), group.now.having(self.only)
        return compress(group.pairs, map(or_, had, has) if had and has else had or has)


def reader(
    extract: Extractor,
    *reads: str,
    by: Sequence[str] = (),
    only: str = "",
    asks: Callable[[Object], bool] | None = None,
    own: Own | None = None,
) -> Reader:
    """A ``Reader`` of some fields."""
    return Reader(extract=extract, reads=frozenset(reads), by=tuple(by), only=only, asks=asks, own=own)


def whether(field: str, reads: Sequence[str]) -> tuple[str, ...]:
    """What decides facts that follow from some fields, but from one of them only by whether it is there.

    >>> whether("spec.nodeName", ["spec.nodeName", "status.phase"])
    ('spec.nodeName?', 'status.phase')
    """
    return tuple(f"{path}?" if path == field else path for path in reads)


def readers_of(given: Extractor | Sequence[Reader]) -> Sequence[Reader]:
    """What a module says of a kind, as readers."""
    return (Reader(extract=given),) if callable(given) else given


def together(readers: Sequence[Reader], people: People) -> tuple[list[Patterns], Sequence[Reader]]:
    """Which readers to ask about stand-ins, together as long as many objects are alike in all that they look at; and
    which to ask about each object."""
    if len(people.objects) < MANY:
        return [], readers
    sample = people.sample()
    groups: list[tuple[dict[str, None], list[Asked]]] = []
    others: list[Reader] = []
    for each in readers:
        by = sample.telling(each.by)
        if not by or each.asks or not (sample.are_alike(by) or (len(by) <= _FIELDS and people.are_alike(by))):
            others.append(each)
            continue
        for paths, extracts in groups:
            if paths.keys() >= by.keys() or sample.are_alike({**paths, **by}):
                paths.update(by)
                extracts.append((each.extract, each.own, tuple(by)))
                break
        else:
            groups.append((by, [(each.extract, each.own, tuple(by))]))
    return [Patterns(extracts, paths) for paths, extracts in groups], others
