"""Rule files and clauses that are decoded when somebody looks at them.

Rules are kept between runs, and most runs look at hardly any clause: which steps they make, and the joins of these,
are kept as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate, chain
from typing import TypeVar, overload

import msgspec

from kubelogic.logic.terms import Clause, Literal, Omission, RuleFile

_T = TypeVar("_T")


class _Decoded(Sequence[_T]):
    """Values of which each is decoded when it is first asked for."""

    __slots__ = ("_decode", "_values")

    def __init__(self, values: Iterable[_T | msgspec.Raw], decode: Callable[[int, msgspec.Raw], _T]) -> None:
        self._values = list(values)
        self._decode = decode

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, number: int) -> _T: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[_T, ...]: ...
    def __getitem__(self, number: int | slice) -> _T | tuple[_T, ...]:
        if isinstance(number, slice):
            return tuple([self[each] for each in range(*number.indices(len(self)))])
        value = self._values[number]
        if isinstance(value, msgspec.Raw):
            value = self._values[number] = self._decode(number, value)
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


class Clauses(_Decoded[Clause]):
    """Clauses in their order; ``heads`` are the predicates of their heads, ``reads`` those of their bodies."""

    __slots__ = ("heads", "reads")

    def __init__(
        self, clauses: Iterable[Clause | msgspec.Raw], heads: Iterable[str], reads: Iterable[tuple[str, ...]]
    ) -> None:
        super().__init__(clauses, lambda _, raw: msgspec.msgpack.decode(raw, type=Clause))
        self.heads, self.reads = tuple(heads), tuple(reads)

    @classmethod
    def of(cls, clauses: Iterable[Clause]) -> Clauses:
        """These clauses."""
        if isinstance(clauses, Clauses):
            return clauses
        known = tuple(clauses)
        reads = [[item.atom.predicate for item in clause.body if isinstance(item, Literal)] for clause in known]
        return cls(known, [clause.head.predicate for clause in known], map(tuple, reads))

    def followed_by(self, more: Sequence[Clause]) -> Clauses:
        """These clauses, then others."""
        others = Clauses.of(more)
        values = chain(self._values, others._values)
        return Clauses(values, (*self.heads, *others.heads), (*self.reads, *others.reads))

    def only(self, numbers: Collection[int]) -> Clauses:
        """The clauses at some positions."""
        return Clauses(
            [self._values[number] for number in numbers],
            [self.heads[number] for number in numbers],
            [self.reads[number] for number in numbers],
        )

    def about(self, predicates: AbstractSet[str]) -> Iterator[Clause]:
        """The clauses that have one of some predicates in their head or body."""
        for number, (head, reads) in enumerate(zip(self.heads, self.reads, strict=True)):
            if head in predicates or not predicates.isdisjoint(reads):
                yield self[number]

    def __reduce__(self) -> tuple[Callable[[tuple[Clause, ...]], Clauses], tuple[tuple[Clause, ...]]]:
        return Clauses.of, (tuple(self),)


class Files(_Decoded[RuleFile]):
    """Rule files in their order, and all that they say they leave out."""

    __slots__ = ("omissions",)

    def __init__(
        self,
        files: Iterable[RuleFile | msgspec.Raw],
        omissions: Iterable[Omission],
        clauses: Sequence[Clause] = (),
        sizes: Sequence[int] = (),
    ) -> None:
        """Take files.

        Args:
            files: those that are encoded have no clauses.
            omissions: of all of them.
            clauses: those of all files, if some are encoded.
            sizes: how many clauses each file has, then.
        """
        ends = list(accumulate(sizes))

        def decode(number: int, raw: msgspec.Raw) -> RuleFile:
            file = msgspec.msgpack.decode(raw, type=RuleFile)
            own = clauses[ends[number] - sizes[number] : ends[number]]
            return msgspec.structs.replace(file, clauses=tuple(own))

        super().__init__(files, decode)
        self.omissions = tuple(omissions)

    @classmethod
    def of(cls, files: Iterable[RuleFile]) -> Files:
        """These files."""
        if isinstance(files, Files):
            return files
        known = tuple(files)
        return cls(known, [each for file in known for each in file.omits])

    def __reduce__(self) -> tuple[Callable[[tuple[RuleFile, ...]], Files], tuple[tuple[RuleFile, ...]]]:
        return Files.of, (tuple(self),)
