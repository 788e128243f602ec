"""Readers asked about stand-ins: what one of alike objects has for facts, all have, but for what is their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat

import msgspec

from kubelogic.cluster import Object
from kubelogic.facts.alike import Fact, Fields, Mark, Numbers, Own, People, Row, between, classes, marks_of, touches

_NAME = "\0"
"""The name of a stand-in, which no object can have."""


class Pattern:
    """The facts of alike objects.

    Attributes:
        keyed: predicate and the columns after the key, of the rows that begin with it.
        common: facts without the key, the same for all.
    """

    __slots__ = ("common", "keyed")

    def __init__(self, keyed: Sequence[Fact], common: Sequence[Fact]) -> None:
        self.keyed = keyed
        self.common = common


Asked = tuple[Callable[[Object], Iterable[Fact]], Own | None, Sequence[str]]
"""What gives facts of an object, what of these is its own, and the sections and fields that decide about the others."""


class Patterns:
    """Readers that are asked together about stand-ins during one update.

    Text is compared; other values are told apart by identity, which costs nothing and holds as long as the clusters
    before and after the update live: an instance must not outlive it.
    """

    __slots__ = ("_extracts", "_own", "_paths")

    def __init__(self, extracts: Sequence[Asked], by: Iterable[str]) -> None:
        """Nothing is asked yet.

        Args:
            extracts: the functions of the readers. They may use the key of the object as the first column of rows,
                which are then not shared with other objects, its namespace, what is its own, and nothing else of its
                identity.
            by: the sections (``spec``) and fields (``status.phase``) that decide what any of them finds.
        """
        self._extracts = extracts
        self._own = {_own_text(own, old=old): own for _, own, _ in extracts if own is not None for old in (False, True)}
        self._paths = tuple(by)

    def of(self, people: People) -> Iterator[tuple[Pattern, Numbers]]:
        """The facts of objects, and the numbers of those that have them. Each reader is asked once for all that are
        alike in what decides about its own facts."""
        parts, fields = people.alike(self._paths), people.differing(self._paths)
        groups: defaultdict[tuple[str, ...], list[Asked]] = defaultdict(list)
        for each in self._extracts:
            groups[people.differing(each[2])].append(each)
        asked: dict[tuple[str, ...], dict[Mark, Pattern]] = {decisive: {} for decisive in groups}
        marks = [marks_of(parts, fields, decisive) for decisive in groups]
        for numbers, *found in zip(parts.values(), *marks, strict=True):
            keyed: list[Fact] = []
            common: list[Fact] = []
            for (decisive, extracts), mark in zip(groups.items(), found, strict=True):
                pattern = asked[decisive].get(mark)
                if pattern is None:
                    pattern = asked[decisive][mark] = self._ask(people.objects[numbers[0]], extracts)
                keyed += pattern.keyed
                common += pattern.common
            yield Pattern(list(dict.fromkeys(keyed)), common), numbers

    def steps(self, was: People, now: People, changed: Fields) -> Iterator[tuple[Pattern, Pattern, Numbers]]:
        """The facts of replaced objects as they were and as they are, and the numbers of the objects that have them.

        Args:
            was: the objects as they were.
            now: the same as they are.
            changed: the fields that changed: in others both are alike.
        """
        same, after, before = between(was, now, self._paths, changed)
        asked_before: dict[Mark, Pattern] = {}
        asked_after: dict[Mark, Pattern] = {}
        at, to, every = len(same), len(same) + len(after), self._extracts
        for mark, numbers in classes(range(len(now.objects)), [*same, *after, *before]).items():
            old, new = was.objects[numbers[0]], now.objects[numbers[0]]
            is_mark, was_mark = mark[:to], mark[:at] + mark[to:]
            yield (
                asked_before.get(was_mark) or asked_before.setdefault(was_mark, self._ask(old, every, changed)),
                asked_after.get(is_mark) or asked_after.setdefault(is_mark, self._ask(new, every)),
                numbers,
            )

    def rows(self, people: People, parts: Sequence[Numbers], tail: Row) -> Iterable[Row]:
        """The rows of objects that have the columns after the key, but for what is their own, in common.

        Args:
            people: all objects.
            parts: the numbers of those.
            tail: the columns after the key.
        """
        columns: list[Sequence[str] | None] = [people.keys()]
        columns += [people.texts(self._own[each]) if each in self._own else None for each in tail]
        if sum(map(len, parts)) < len(people.objects):
            those = list(chain.from_iterable(parts))
            columns = [column and [column[number] for number in those] for column in columns]
        first, *others = columns
        assert first is not None
        return zip(first, *[column or repeat(each) for column, each in zip(others, tail, strict=True)], strict=False)

    def _ask(self, obj: Object, extracts: Sequence[Asked], changed: Fields = frozenset()) -> Pattern:
        """The facts of a stand-in; what is its own is told from what it will be if it is among fields that change."""
        whole = msgspec.structs.replace(obj, name=_NAME, key="")
        keyed: list[Fact] = []
        common: list[Fact] = []
        for extract, own, _ in extracts:
            hidden = _own_text(own, old=touches(changed, own.path)) if own else ""
            stand_in = own.hidden(whole, hidden) if own else whole
            for predicate, row in extract(stand_in):
                tail = row[1:] if row[0] == stand_in.key else row
                if any(
                    isinstance(value, str) and _NAME in value and (value != hidden or tail is row) for value in tail
                ):
                    raise ValueError(f"{predicate}: only the first column may depend on an object's name, not {tail!r}")
                if tail is row:
                    common.append((predicate, row))
                else:
                    keyed.append((predicate, tail))
        return Pattern(list(dict.fromkeys(keyed)), common)


def _own_text(own: Own, *, old: bool) -> str:
    """What stands for an object's own text, as it is or as it was."""
    return f"{_NAME}{own.path}{'~' if old else ''}"


def common(uses: Mapping[Pattern, int]) -> list[tuple[str, Row, int]]:
    """Facts without a key, and how many more objects give them now than before; those with more come first."""
    counted = [(*fact, count) for pattern, count in uses.items() if count for fact in pattern.common]
    return sorted(counted, key=lambda given: -given[2])
