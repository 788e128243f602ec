"""Where objects that are alike have strings of their own, what these have to be, and how they are put there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from kubelogic.kinds.validation.own import JSON, REPEATED, RULES, UNCHECKED, UNIQUE, Test
from kubelogic.text.alike import Own
from kubelogic.text.location import Path, Step

_INVENTED = 60
"""Invented strings that differ: seconds of a minute."""


class Part:
    """A place in documents, mapping or list, in which strings of an object's own are put."""

    __slots__ = ("all_of", "fields", "inner", "made", "own", "tree")

    def __init__(self, own: Sequence[Own], numbers: Sequence[int], depth: int = 0) -> None:
        self.fields: list[tuple[Step, int]] = []
        below: dict[Step, tuple[list[Own], list[int]]] = {}
        for each, number in zip(own, numbers, strict=True):
            step = each.path[depth]
            if len(each.path) == depth + 1:
                self.fields.append((step, number))
            else:
                inner = below.setdefault(step, ([], []))
                inner[0].append(each)
                inner[1].append(number)
        self.inner = [(step, Part(*inner, depth + 1)) for step, inner in below.items()]
        self.all_of = itemgetter(*numbers)
        self.own = self.tree = self.made = None

    def filled(self, tree: Any, own: Sequence[str]) -> Any:
        """The tree with other strings; the one that was made before, if they were the same."""
        mine = self.all_of(own)
        if tree is not self.tree or mine != self.own:
            made = tree.copy()
            for step, number in self.fields:
                made[step] = own[number]
            for step, part in self.inner:
                made[step] = part.filled(tree[step], own)
            self.own, self.tree, self.made = mine, tree, made
        return self.made


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Where objects have strings of their own, and what these have to be.

    Attributes:
        part: puts them where they belong.
        invented: strings that could be there.
        checks: tests that they have to pass, which of them each is for, and what has passed it if that comes again.
        equal: pairs of strings that are equal.
        json: which of them stand for JSON: messages, or lists of endpoints.
    """

    part: Part
    invented: tuple[str, ...]
    checks: tuple[tuple[Test, Callable[[Sequence[str]], Sequence[str]], set[str] | None], ...]
    equal: tuple[tuple[int, int], ...]
    json: tuple[int, ...]


class Shapes:
    """Shapes of objects, each made once."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[Path, str, int], ...], Shape] = {}
        self._passed: dict[str, set[str] | None] = {rule: None if rule in UNIQUE else set() for rule in RULES}

    def of(self, own: Sequence[Own]) -> Shape:
        """The shape of objects with such strings of their own where these are."""
        first: dict[tuple[str, str], int] = {}
        numbers = [
            first.setdefault((each.rule, each.value), number) if each.rule in REPEATED else number
            for number, each in enumerate(own)
        ]
        which = tuple((each.path, each.rule, number) for each, number in zip(own, numbers, strict=True))
        if which not in self._known:
            by_rule: dict[str, list[int]] = {}
            for number in sorted(set(numbers)):
                if (rule := own[number].rule) not in UNCHECKED:
                    by_rule.setdefault(rule, []).append(number)
            self._known[which] = Shape(
                part=Part(own, numbers),
                invented=tuple(RULES[own[number].rule][1].format(number % _INVENTED) for number in numbers),
                checks=tuple((RULES[rule][0], _several(those), self._passed[rule]) for rule, those in by_rule.items()),
                equal=tuple((number, other) for number, other in enumerate(numbers) if number != other),
                json=tuple(number for number, each in enumerate(own) if each.rule in JSON),
            )
        return self._known[which]


def _several(numbers: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """Gives the values of some numbers, also of a single one, as a sequence."""
    return itemgetter(*numbers) if len(numbers) > 1 else itemgetter(slice(numbers[0], numbers[0] + 1))
