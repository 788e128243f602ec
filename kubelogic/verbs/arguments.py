"""What the arguments of verbs have to be, and the refusal of what they are not, in one form of words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from reprlib import repr as short
from typing import Any

import msgspec


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an argument has to be: in words, and the test of a value.

    Attributes:
        words: it ends the sentence "namespace is ...".
        fits: whether a value is of the type.
        allowed: whether a value of the type is in range.
    """

    words: str
    fits: Callable[[Any], bool]
    allowed: Callable[[Any], bool] = lambda value: True  # noqa: ARG005 - any value is


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def several(value: object, *types: type) -> bool:
    """Whether a value is several of some types, and no text or path; what is left of a generator is not looked at."""
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes | os.PathLike)
    return several and (not isinstance(value, Sequence) or all(isinstance(each, types) for each in value))


TEXT = Wanted(words="text", fits=lambda value: isinstance(value, str))
FLAG = Wanted(words="True or False", fits=lambda value: isinstance(value, bool))
COUNT = Wanted(words="a whole number from 0 on", fits=_whole, allowed=lambda value: value >= 0)
SOME = Wanted(words="a whole number from 1 on", fits=_whole, allowed=lambda value: value >= 1)
TEXTS = Wanted(words="several texts, such as a list of them", fits=lambda value: several(value, str))
PATHS = Wanted(words="several paths, such as a list of them", fits=lambda value: several(value, str, os.PathLike))
FUNCTION = Wanted(words="a function", fits=callable)


def one_of(words: Sequence[str]) -> Wanted:
    """One of some words."""
    told = " or ".join((", ".join(words[:-1]), words[-1])) if words[1:] else words[0]
    return Wanted(words=told, fits=lambda value: isinstance(value, str), allowed=lambda value: value in words)


def maybe(wanted: Wanted) -> Wanted:
    """That, or None."""
    return Wanted(
        words=f"{wanted.words}, or None",
        fits=lambda value: value is None or wanted.fits(value),
        allowed=lambda value: value is None or wanted.allowed(value),
    )


def instance(kind: type, words: str) -> Wanted:
    """A value of a class."""
    return Wanted(words=words, fits=lambda value: isinstance(value, kind))


def expect(wanted: Wanted, **given: object) -> None:
    """Refuse arguments that are not what they have to be.

    Args:
        wanted: what they have to be.
        given: the arguments by name.

    Raises:
        TypeError: a value of another type.
        ValueError: a value of the type that is out of range.

    >>> expect(COUNT, replicas=-1)
    Traceback (most recent call last):
    ValueError: replicas is a whole number from 0 on, not -1
    """
    for name, value in given.items():
        if not wanted.fits(value):
            raise TypeError(f"{name} is {wanted.words}, not {short(value)}")
        if not wanted.allowed(value):
            raise ValueError(f"{name} is {wanted.words}, not {short(value)}")
