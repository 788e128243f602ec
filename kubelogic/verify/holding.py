"""What has to hold, as people say it: an invariant, its name, or a function of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import overload

from kubelogic.cluster.state import State
from kubelogic.verify.invariants import NAMED, Invariant, named

Broken = Callable[[State, State], Iterable[str]]
"""From the state before and a later one to what is broken, a sentence each."""


@overload
def invariant(check: Broken, *, always: bool = False) -> Invariant: ...


@overload
def invariant(*, always: bool = False) -> Callable[[Broken], Invariant]: ...


def invariant(check: Broken | None = None, *, always: bool = False) -> Invariant | Callable[[Broken], Invariant]:
    """An invariant of one's own: a decorator of a function that yields what is broken.

    Its name is that of the function, and the first line of its docstring says what it demands.

    Args:
        check: from the state before anything happened and a later one (``state.cluster``, ``state.now``) to sentences.
        always: whether it has to hold in every state of a run, not only at its end.

    >>> @invariant
    ... def nodes_stay(before, after):
    ...     "No node is deleted."
    ...     yield from sorted(before.cluster.objects("Node").keys() - after.cluster.objects("Node").keys())
    >>> nodes_stay.says
    'No node is deleted.'
    """

    def made(broken: Broken) -> Invariant:
        def checked(before: State, after: State) -> Iterator[str]:
            found = broken(before, after)
            if isinstance(found, str) or not isinstance(found, Iterable):
                raise TypeError(f"{name} gives sentences, such as a generator of them, not {found!r}")
            return iter(found)

        name = str(getattr(broken, "__name__", "invariant"))
        says = next(iter((broken.__doc__ or "").strip().splitlines()), "") or name.replace("_", " ")
        return Invariant(name=name, says=says, always=always, check=checked)

    if check is None:
        return made
    if not callable(check):
        raise TypeError(f"an invariant is made of a function, not of {check!r}")
    return made(check)


def held(each: Invariant | str) -> Invariant:
    """The invariant that is meant.

    Args:
        each: one, or its name, as for ``kubelogic verify --invariant``.

    Raises:
        UnknownInvariantError: for a name that there is not.
        TypeError: if it is neither.
    """
    if isinstance(each, Invariant):
        return each
    if isinstance(each, str):
        return named(each)
    if callable(each):
        name = str(getattr(each, "__name__", each))
        what = f"call it: {name}()" if name in NAMED else f"make it one with @invariant: {name}"
        raise TypeError(f"an invariant is needed, not a function; {what}")
    raise TypeError(f"an invariant is what a function such as every_pod_placed() gives, or its name, not {each!r}")
