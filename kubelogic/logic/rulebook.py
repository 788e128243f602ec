"""A rulebook: the rule files of one or more directories, merged, checked and put in evaluation order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubelogic.logic.checker import check
from kubelogic.logic.errors import RuleErrors, RuleFault
from kubelogic.logic.parser import parse
from kubelogic.logic.strata import components
from kubelogic.logic.terms import Atom, Clause, Declaration, Literal, RuleFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Checked rules. ``order`` lists the derived predicates, lower strata first, recursive ones together."""

    files: tuple[RuleFile, ...]
    declarations: Mapping[str, Declaration]
    clauses: tuple[Clause, ...]
    facts: tuple[Atom, ...]
    order: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, files: Iterable[RuleFile]) -> Rulebook:
        """Merge parsed files and check them.

        Raises:
            RuleErrors: with every fault of every file.
        """
        files = tuple(sorted(files, key=lambda file: file.path))
        faults = check(files)
        if faults:
            raise RuleErrors(faults)
        clauses = tuple(clause for file in files for clause in file.clauses)
        uses = {
            clause.head.predicate: [
                item.atom.predicate
                for other in clauses
                if other.head.predicate == clause.head.predicate
                for item in other.body
                if isinstance(item, Literal)
            ]
            for clause in clauses
        }
        return cls(
            files=files,
            declarations={d.predicate: d for file in files for d in file.declarations},
            clauses=clauses,
            facts=tuple(fact for file in files for fact in file.facts),
            order=tuple(group for group in components(uses) if any(p in uses for p in group)),
        )

    @classmethod
    def parse(cls, texts: Mapping[str, str]) -> Rulebook:
        """A rulebook from texts by file name.

        Raises:
            RuleErrors: with every fault of every text.
        """
        files: list[RuleFile] = []
        faults: list[RuleFault] = []
        for path in sorted(texts):
            try:
                files.append(parse(texts[path], path))
            except RuleErrors as errors:
                faults.extend(errors.faults)
        if faults:
            raise RuleErrors(faults)
        return cls.of(files)

    @classmethod
    def read(cls, directories: Sequence[Path]) -> Rulebook:
        """A rulebook from all ``*.dl`` files below some directories; names are relative to each.

        Raises:
            RuleErrors: with every fault of every file.
            OSError: if a file cannot be read.
        """
        texts: dict[str, str] = {}
        for number, directory in enumerate(directories):
            for path in sorted(directory.rglob("*.dl")):
                name = path.relative_to(directory.parent if number == 0 else directory).as_posix()
                texts[name] = path.read_text(encoding="utf-8")
        return cls.parse(texts)

    def clauses_of(self, predicate: str) -> tuple[Clause, ...]:
        """The clauses whose head is ``predicate``, in file order."""
        return tuple(clause for clause in self.clauses if clause.head.predicate == predicate)
