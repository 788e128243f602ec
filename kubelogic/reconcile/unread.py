"""Rules without the controllers whose work nobody reads: for a question that does not depend on it.

What controllers write of Endpoints and EndpointSlices is read by no scheduler, kubelet or controller of pods, so a
question about pods gets the same answer without them, and a cluster of many Services is spared most of its relations.
That it is so is worked out of the rules, once for each version of them: rules of users, or a world in which something
waits for a name, may read endpoints, and then nothing is left out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from kubelogic.facts.services import ENDPOINT_FACTS
from kubelogic.logic import Rulebook
from kubelogic.logic.kept import keep_answer, kept_answer, version_of
from kubelogic.logic.plan import needed
from kubelogic.logic.terms import Clause, Constant, Literal, Term

_ACTIONS = frozenset(
    {
        "action_write_endpoints",
        "action_write_hints",
        "action_write_mirror_ports",
        "action_write_slice",
        "action_write_slice_ports",
    }
)
"""Actions that write nothing but Endpoints and EndpointSlices."""

_OF_KINDS = frozenset({"action_delete_object", "action_drop_owner", "action_label_object", "action_annotate_object"})
"""Actions whose first argument says which kind they change."""

_KINDS = frozenset({"Endpoints", "EndpointSlice"})

_NOTES = frozenset({"action_remember", "action_forget"})
_MEMORY = frozenset({"memory", "noted"})

_TOPICS = frozenset({"endpoint slices", "endpoints as wanted", "service endpoints"})
"""What controllers of endpoints remember for themselves."""

_NAMED = "named"
"""The function that puts the name of something into a text."""

_WAITS = "image_waits_for"
"""The only part of the world by which something may wait for endpoints."""


def without_endpoints(rulebook: Rulebook, goals: Collection[str], world: Mapping[str, Collection[object]]) -> Rulebook:
    """The rules without what is only about endpoints; the same rulebook if anything else reads endpoints.

    Args:
        rulebook: all rules.
        goals: the predicates that are asked for beside the actions.
        world: the world outside, by predicate; it must not change in what is left out of it.
    """
    return _without(_Key(rulebook), frozenset(goals), bool(world.get(_WAITS)))


class _Key:
    """A rulebook that is equal to itself alone."""

    __slots__ = ("book",)

    def __init__(self, book: Rulebook) -> None:
        self.book = book

    def __hash__(self) -> int:
        return id(self.book.clauses)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.book is other.book


@lru_cache(maxsize=8)
def _without(key: _Key, goals: frozenset[str], waits: bool) -> Rulebook:
    book = key.book
    facts, asked = " ".join(sorted(ENDPOINT_FACTS)), " ".join(sorted(goals))
    question = f"without endpoints: {version_of(__file__)}, {facts}, {waits}, {asked}"
    data = kept_answer(book.mark, question)
    numbers: list[int] | None = None
    if data is not None:
        with contextlib.suppress(msgspec.MsgspecError):
            numbers = msgspec.msgpack.decode(data, type=list[int])
    if numbers is None:
        numbers = _numbers(book, goals, waits)
        keep_answer(book.mark, question, msgspec.msgpack.encode(numbers))
    return book if len(numbers) == len(book.clauses) else _of(book, numbers)


def _of(book: Rulebook, numbers: list[int]) -> Rulebook:
    """The rulebook with some of its clauses only."""
    mark = book.mark and sha256(f"{book.mark} {numbers}".encode()).hexdigest()[:32]
    found = Rulebook.assemble(
        files=book.files, declarations=book.declarations, clauses=book.clauses.only(numbers), facts=book.facts
    )
    return replace(found, mark=mark)


def _numbers(book: Rulebook, goals: frozenset[str], waits: bool) -> list[int]:
    """The positions of the clauses that are left: all, if anything else reads endpoints."""
    given = {fact.predicate for fact in book.facts}
    kept = [clause for clause in book.clauses if not _is_of_endpoints(clause)]
    if not waits and _WAITS not in given:
        kept = _without_empty(kept, {_WAITS}, given | _inputs(book))
    left = {id(clause) for clause in kept}
    numbers = [number for number, clause in enumerate(book.clauses) if id(clause) in left]
    found = _of(book, numbers)
    actions = {clause.head.predicate for clause in kept if clause.head.predicate.startswith("action_")}
    wanted = (goals | actions) & set(book.declarations)
    read = needed(found, wanted)
    everything = list(range(len(book.clauses)))
    if not ENDPOINT_FACTS.isdisjoint(read):
        return everything
    return everything if any(_reads_topics(each, found) for each in kept if each.head.predicate in read) else numbers


def _is_of_endpoints(clause: Clause) -> bool:
    """Whether a clause derives an action that is about endpoints alone."""
    name = clause.head.predicate
    if name in _ACTIONS:
        return True
    first = clause.head.terms[0] if clause.head.terms else None
    value = first.value if isinstance(first, Constant) else None
    return (name in _OF_KINDS and value in _KINDS) or (name in _NOTES and value in _TOPICS)


def _reads_topics(clause: Clause, book: Rulebook) -> bool:
    """Whether a clause may read what controllers of endpoints remember."""
    return any(
        not _is_other(item.atom.terms[0], clause, book)
        for item in clause.body
        if isinstance(item, Literal) and item.atom.predicate in _MEMORY
    )


def _is_other(term: Term, clause: Clause, book: Rulebook, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a term of a clause can be none of the topics, as constants and texts that names are made of tell."""
    if isinstance(term, Constant):
        return term.value not in _TOPICS
    for item in clause.body:
        if not isinstance(item, Literal) or item.negated or item.atom.predicate in _MEMORY:
            continue
        name, terms = item.atom.predicate, item.atom.terms
        first = terms[0]
        if name == _NAMED and terms[-1] == term and isinstance(first, Constant):
            start = str(first.value).partition("{}")[0]
            return bool(start) and not any(topic.startswith(start) for topic in _TOPICS)
        for number, other in enumerate(terms):
            facts = book.given.get(name, ())
            clauses = book.clauses_of(name)
            if other == term and name not in seen and (facts or clauses):
                told = all(row[number] not in _TOPICS for row in facts)
                if told and all(_is_other(each.head.terms[number], each, book, seen | {name}) for each in clauses):
                    return True
    return False


def _without_empty(clauses: Iterable[Clause], empty: set[str], given: Collection[str]) -> list[Clause]:
    """The clauses that can derive something where some relations are empty."""
    kept = list(clauses)
    while True:
        left = [clause for clause in kept if not _asks(clause, empty)]
        heads = {clause.head.predicate for clause in left}
        more = {clause.head.predicate for clause in kept} - heads - set(given) - empty
        if len(left) == len(kept) and not more:
            return kept
        kept, empty = left, empty | more


def _asks(clause: Clause, empty: Collection[str]) -> bool:
    return clause.aggregate is None and any(
        isinstance(item, Literal) and not item.negated and item.atom.predicate in empty for item in clause.body
    )


def _inputs(book: Rulebook) -> set[str]:
    return {name for name, each in book.declarations.items() if each.role == "input" or each.function}
