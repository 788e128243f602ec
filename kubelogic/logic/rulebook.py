"""A rulebook: the rule files of one or more directories, merged and checked."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import msgspec
from msgspec import structs
from msgspec.structs import replace

from kubelogic.logic.encoded import Clauses, Files
from kubelogic.logic.errors import RuleErrors, RuleFault
from kubelogic.logic.files import rule_texts
from kubelogic.logic.kept import KeptRules, Texts, book_of, keep_answer, keep_rules, kept_answer, kept_rules
from kubelogic.logic.strata import components, unstratified
from kubelogic.logic.terms import (
    Atom,
    Clause,
    Constant,
    Declaration,
    Omission,
    Operation,
    Pattern,
    Place,
    Row,
    RuleFile,
    Value,
)

_FIRST = "rules/"
"""The files of the first directory are shown so. They come first, so that others are at fault where they clash."""


def _rank(path: str) -> tuple[bool, str]:
    return not path.startswith(_FIRST), path


def _ranked(texts: Mapping[str, str]) -> Texts:
    return tuple((path, texts[path]) for path in sorted(texts, key=_rank))


Follow = Callable[["Rulebook"], tuple[Sequence[Clause], Sequence[RuleFault]]]
"""From the files of a rulebook, whose order is not known yet, to clauses that follow from them and to faults."""


class Rulebook(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Checked rules.

    ``uses`` gives for each derived predicate the predicates in the bodies of its clauses. ``mark`` identifies files and
    clauses for later runs; empty: not kept.
    """

    files: Files
    declarations: Mapping[str, Declaration]
    clauses: Clauses
    facts: tuple[Atom, ...]
    uses: Mapping[str, frozenset[str]]
    mark: str = ""

    def __repr__(self) -> str:
        return f"<Rulebook: {len(self.files)} files, {len(self.clauses)} clauses>"

    @cached_property
    def given(self) -> Mapping[str, tuple[Row, ...]]:
        """The rows that the files themselves state, by predicate, in the order of the files."""
        found: dict[str, list[Row]] = {}
        for fact in self.facts:
            found.setdefault(fact.predicate, []).append(fact.row)
        return {predicate: tuple(rows) for predicate, rows in found.items()}

    @cached_property
    def order(self) -> tuple[tuple[str, ...], ...]:
        """The derived predicates, lower strata first, recursive ones together."""
        data = kept_answer(self.mark, "order")
        if data is not None:
            with contextlib.suppress(msgspec.MsgspecError):
                return msgspec.msgpack.decode(data, type=tuple[tuple[str, ...], ...])
        found = tuple(group for group in components(self.uses) if any(p in self.uses for p in group))
        keep_answer(self.mark, "order", msgspec.msgpack.encode(found))
        return found

    @cached_property
    def _by_head(self) -> Mapping[str, tuple[int, ...]]:
        found: dict[str, list[int]] = {}
        for number, head in enumerate(self.clauses.heads):
            found.setdefault(head, []).append(number)
        return {predicate: tuple(numbers) for predicate, numbers in found.items()}

    @property
    def omissions(self) -> tuple[Omission, ...]:
        """What the files say they leave out, in their order."""
        return self.files.omissions

    @classmethod
    def of(cls, files: Iterable[RuleFile], follow: Follow | None = None) -> Rulebook:
        """Merge parsed files and check them; ``follow`` as in ``checked``.

        Raises:
            RuleErrors: with every fault of every file.
        """
        files = tuple(sorted(files, key=lambda file: _rank(file.path)))
        from kubelogic.logic.checker import check

        faults = check(files)
        if faults:
            raise RuleErrors(faults)
        return cls.checked(files, follow)

    @classmethod
    def checked(cls, files: tuple[RuleFile, ...], follow: Follow | None = None) -> Rulebook:
        """A rulebook of files that were checked together and are in order.

        Args:
            files: parsed.
            follow: gives clauses of open predicates that follow from the files, and what is wrong about that.

        Raises:
            RuleErrors: with what ``follow`` finds wrong, or because something would depend on its own negation.
        """
        book = cls.assemble(
            files=files,
            declarations={d.predicate: d for file in files for d in file.declarations},
            clauses=[clause for file in files for clause in file.clauses],
            facts=tuple(fact for file in files for fact in file.facts),
        )
        return book.followed(follow)

    def followed(self, follow: Follow | None) -> Rulebook:
        """This rulebook with what follows from it; see ``checked``."""
        more, faults = follow(self) if follow is not None else ((), ())
        if faults:
            from kubelogic.logic.checker import excerpted

            raise RuleErrors(excerpted(faults, self.files))
        if not more:
            return self
        uses = {**self.uses}
        for head, read in _uses(Clauses.of(more)).items():
            uses[head] = uses.get(head, frozenset()) | read
        book = replace(self, clauses=self.clauses.followed_by(more), uses=uses)
        if _meets_itself(uses, {clause.head.predicate for clause in more}) and (
            cycles := list(unstratified(book.clauses))
        ):
            from kubelogic.logic.checker import excerpted

            raise RuleErrors(excerpted(cycles, self.files))
        return book

    @classmethod
    def assemble(
        cls,
        *,
        files: Iterable[RuleFile],
        declarations: Mapping[str, Declaration],
        clauses: Iterable[Clause],
        facts: tuple[Atom, ...],
    ) -> Rulebook:
        """A rulebook of parts that are known to be in order; nothing is checked."""
        known = Clauses.of(clauses)
        return cls(files=Files.of(files), declarations=declarations, clauses=known, facts=facts, uses=_uses(known))

    @classmethod
    def parse(cls, texts: Mapping[str, str]) -> Rulebook:
        """A rulebook from texts by file name. Where two of them clash, the later one is at fault.

        Raises:
            RuleErrors: with every fault of every text.
        """
        return _parsed(_ranked(texts), None)

    @classmethod
    def read(cls, directories: Sequence[Path], follow: Follow | None = None) -> Rulebook:
        """A rulebook from rule files and from all ``*.dl`` files below some directories.

        Args:
            directories: the built-in rules first, whose files are shown as ``rules/...``; then the user's, whose
                files are shown as the directory was given (an absolute one by its last part).
            follow: gives clauses that follow from the files, see ``checked``.

        Raises:
            RuleErrors: with every fault of every file, also of files and directories that cannot be read.
        """
        texts: dict[str, str] = {}
        faults: list[RuleFault] = []
        for number, directory in enumerate(directories):
            named = Path(directory.name) if directory.is_absolute() else directory
            shown = Path(_FIRST) if number == 0 else named
            for name, path, text in rule_texts(directory, shown, faults):
                texts[name if name not in texts else path.as_posix()] = text
        if faults:
            raise RuleErrors(faults)
        return (_parsed if len(directories) > 1 else _kept)(_ranked(texts), follow)

    def with_facts(self, facts: Mapping[str, Iterable[Row]], places: Mapping[Row, Place] | None = None) -> Rulebook:
        """This rulebook with other facts of its own: a row replaces the one that is equal in all but the last column.

        Args:
            facts: rows by predicate.
            places: where a row was said; of others the place of the fact that they replace stays.

        >>> book = Rulebook.parse({"p.dl": '''
        ... #: parameter(Name: str, Value: int) "the parameter {Name} is {Value}"
        ... + parameter('grace', 40)
        ... '''})
        >>> [str(fact) for fact in book.with_facts({"parameter": [("grace", 50)]}).facts]
        ["parameter('grace', 50)"]

        Raises:
            RuleErrors: if there is no such fact to replace; the hint names the nearest one.
        """
        kept = tuple(fact for fact in self.facts if fact.predicate not in facts)
        own = {(fact.predicate, fact.row[:-1]): fact for fact in self.facts if fact.predicate in facts}
        faults: list[RuleFault] = []
        for predicate, rows in facts.items():
            for row in rows:
                found = own.get((predicate, row[:-1]))
                if found is None or type(found.row[-1]) is not type(row[-1]):
                    faults.append(_no_fact(self.facts, predicate, row, found))
                else:
                    place = (places or {}).get(row, found.place)
                    changed = structs.replace(found, terms=(*found.terms[:-1], Constant(row[-1])), place=place)
                    own[predicate, row[:-1]] = changed
        if faults:
            raise RuleErrors(faults)
        return replace(self, facts=(*kept, *own.values()))

    def warnings(self) -> tuple[RuleFault, ...]:
        """What does not keep the rules from working but should not stay, by place."""
        from kubelogic.logic.checker import warnings

        return tuple(warnings(self.files))

    def atom(self, text: str) -> tuple[str, Pattern]:
        """An atom to ask about: the predicate, and a value for each argument, None where a variable stands.

        Raises:
            RuleErrors: if it is no atom, or does not fit the declaration of its predicate.
        """
        from kubelogic.logic.checker import check_atom
        from kubelogic.logic.parser import parse_atom

        atom = parse_atom(text)
        faults = check_atom(atom, self.files)
        pattern: list[Value | None] = []
        for term in atom.terms:
            if isinstance(term, Operation):
                message = f"{term} is neither a value nor a variable"
                faults.append(RuleFault(place=atom.place, message=message))
            pattern.append(term.value if isinstance(term, Constant) else None)
        if faults:
            raise RuleErrors(replace(fault, excerpt=text.strip()) for fault in faults)
        return atom.predicate, tuple(pattern)

    def clauses_of(self, predicate: str) -> tuple[Clause, ...]:
        """The clauses whose head is ``predicate``, in file order."""
        return tuple([self.clauses[number] for number in self._by_head.get(predicate, ())])


def _uses(clauses: Clauses) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for head, reads in zip(clauses.heads, clauses.reads, strict=True):
        found.setdefault(head, set()).update(reads)
    return {head: frozenset(reads) for head, reads in found.items()}


def _meets_itself(uses: Mapping[str, frozenset[str]], heads: Iterable[str]) -> bool:
    """Whether a predicate that any of some predicates depend on depends on one of those."""
    goals = frozenset(heads)
    todo, found = list(goals), set(goals)
    while todo:
        below = uses.get(todo.pop(), frozenset())
        if not goals.isdisjoint(below):
            return True
        todo += below - found
        found |= below
    return False


@lru_cache(maxsize=8)
def _parsed(texts: Texts, follow: Follow | None) -> Rulebook:
    """The rulebook of some texts. Every question needs it, and a rulebook never changes."""
    from kubelogic.logic.parser import parse

    files: list[RuleFile] = []
    faults: list[RuleFault] = []
    for path, text in texts:
        try:
            files.append(parse(text, path))
        except RuleErrors as errors:
            faults.extend(errors.faults)
    if faults:
        raise RuleErrors(faults)
    return Rulebook.of(files, follow)


@lru_cache(maxsize=2)
def _kept(texts: Texts, follow: Follow | None) -> Rulebook:
    """The same for rules that rarely change: kept between runs."""
    kept = kept_rules(texts)
    if kept is not None:
        clauses = Clauses(kept.clauses, kept.heads, kept.reads)
        book = Rulebook(
            files=Files(kept.files, kept.omissions, clauses, kept.sizes),
            declarations={each.predicate: each for each in kept.declarations},
            clauses=clauses,
            facts=kept.facts,
            uses=_uses(clauses),
        ).followed(follow)
        written = len(clauses)
    else:
        book = _parsed(texts, follow)
        written = sum(len(file.clauses) for file in book.files)
        keep_rules(texts, KeptRules.of(book.files, book.clauses.only(range(written)), book.facts))
    return replace(book, mark=book_of(texts, book.clauses[written:]))


def _no_fact(facts: Iterable[Atom], predicate: str, row: Row, found: Atom | None) -> RuleFault:
    """Why a fact cannot be replaced by ``row``."""
    if found is not None:
        kind = "a whole number" if isinstance(found.row[-1], int) else "text"
        return RuleFault(place=found.place, message=f"{found} takes {kind}, not {row[-1]!r}")
    keys = {", ".join(map(str, fact.row[:-1])): fact for fact in facts if fact.predicate == predicate}
    key = ", ".join(map(str, row[:-1]))
    near = difflib.get_close_matches(key, sorted(keys), n=1)
    return RuleFault(
        place=Place(file=predicate, line=1),
        message=f"there is no {predicate} {key!r}",
        hint=f"did you mean {near[0]}?" if near else f"there are: {'; '.join(sorted(keys))}",
    )
