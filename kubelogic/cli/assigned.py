"""``--set NAME=VALUE``: parameters of the rules, and the class of claims that name none.

What the settings of a project set besides holds, name by name: to type one of them leaves the others as they are.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from kubelogic.cli import UsageError
from kubelogic.text.location import Fault, InputError, Location

if TYPE_CHECKING:
    from kubelogic.facts.parameters import Assigned
    from kubelogic.logic import Value
    from kubelogic.logic.terms import Place
    from kubelogic.text.settings import Settings

_SHOWN = 60
_DIGITS = 20
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


class Said(NamedTuple):
    """A value that was set: ``equals`` is empty where there was no ``=``; ``settled`` if settings of a project do."""

    name: str
    equals: str
    value: Value
    place: Place
    settled: bool = False


def parameters(args: argparse.Namespace) -> Assigned:
    """What ``--set`` and the settings of a project say, each with the place where it says so."""
    return _assigned(_said(args))


def default_storage_class(args: argparse.Namespace) -> str:
    """What ``--set default_storage_class=NAME`` or the settings say; empty if nothing."""
    from kubelogic.facts.parameters import DEFAULT_CLASS

    return next((str(each.value) for each in _said(args) if each.name == DEFAULT_CLASS), "")


def expect(args: argparse.Namespace) -> None:
    """Refuse what cannot be set.

    Raises:
        UsageError: with everything that is wrong with what was typed.
        InputError: with everything that is wrong, if something is wrong with what the settings say, too: at its line.
        RuleErrors: with every fault of the rules.
    """
    from kubelogic.cli.common import rule_directories
    from kubelogic.facts.parameters import ParameterErrors
    from kubelogic.facts.rulebook import load_rulebook

    said = _said(args)
    wrong = list(_wrong(said))
    kept = {each.name: number for number, each in enumerate(said) if number not in dict(wrong)}
    try:
        load_rulebook(rule_directories(args), _assigned([said[number] for number in kept.values()]))
    except ParameterErrors as error:
        named = ((name, "; ".join(filter(None, (each.message, each.hint)))) for name, each in error.named)
        wrong += ((kept[name], message) for name, message in named)
    if not wrong:
        return
    told = sorted(wrong)
    typed = [(said[number].place.file, message) for number, message in told if not said[number].settled]
    settled = [(said[number].name, message) for number, message in told if said[number].settled]
    if not settled:
        raise UsageError(*(f"{place}: {message}" for place, message in typed))
    from kubelogic.text.settings import CODE, faulty

    others = [Fault(location=Location(file=place), code=CODE, message=message) for place, message in typed]
    raise InputError([*faulty(args.settings, settled).faults, *others])


def _said(args: argparse.Namespace) -> list[Said]:
    """What was typed, and what the settings say of names that were not typed."""
    from kubelogic.logic.terms import Place

    typed = []
    for item in args.parameters:
        name, equals, value = item.partition("=")
        shown = item if len(item) <= _SHOWN else f"{item[:_SHOWN]}..."
        typed.append(Said(name, equals, _value(value), Place(file=f"--set {shown}", line=0)))
    settings: Settings | None = getattr(args, "settings", None)
    if settings is None:
        return typed
    names = {each.name for each in typed}
    left = ((name, value, settings.set_at[name]) for name, value in settings.parameters if name not in names)
    settled = [
        Said(name, "=", _value(str(value)), Place(file=at.file, line=at.line, column=at.column), settled=True)
        for name, value, at in left
    ]
    return [*settled, *typed]


def flags(args: argparse.Namespace) -> list[str]:
    """What was set, by whomever, as ``--set`` takes it."""
    return [f"{each.name}{each.equals}{each.value}" for each in _said(args)]


def _assigned(said: Sequence[Said]) -> Assigned:
    from kubelogic.facts.parameters import DEFAULT_CLASS, Assigned

    kept = [each for each in said if each.name != DEFAULT_CLASS]
    return Assigned({each.name: each.value for each in kept}, {each.name: each.place for each in kept})


def _value(text: str) -> Value:
    """A number if it is written as one, else the text; a number too long for any is cut."""
    return int(text[: _DIGITS + 1]) if re.fullmatch(r"[-+]?[0-9]+", text) else text


def _wrong(said: Sequence[Said]) -> Iterator[tuple[int, str]]:
    """What is wrong whatever parameters there are: the number of what was set, and why it cannot be."""
    from kubelogic.facts.parameters import DEFAULT_CLASS
    from kubelogic.kinds.validation import names

    before = set()
    for number, (name, equals, value, *_) in enumerate(said):
        if not equals or not name:
            yield number, "it takes NAME=VALUE"
        elif name in before:
            yield number, f"{name} was set before"
        elif name == DEFAULT_CLASS and (why := names.dns_subdomain(str(value))):
            yield number, f"{str(value)[:_SHOWN]!r} is no name of a StorageClass: it {why}"
        elif isinstance(value, int) and not _LEAST <= value <= _MOST:
            yield number, "this is no 64-bit number"
        before.add(name)
