"""One finding, how severe it is, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import owner_with_origin
from kubelogic.logic import Rulebook
from kubelogic.text import Location
from kubelogic.text.location import Path

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a check has found.

    Attributes:
        code: permanent, ``KL...`` or that of a user's rule file.
        severity: ``error``, ``warning`` or ``note``.
        message: one sentence, with numbers and names.
        api_version: of the object; empty if no object is meant.
        kind: of the object.
        key: of the object, ``namespace/name`` or ``name``.
        location: where to look; None if nothing of it stands in a file.
        helps: what usually helps; empty if nothing is known.
        step: a next step that was tried and works, or a command that tells more, with ``PATHS`` where its input
            stands; empty if there is none.
        checked: whether ``step`` is a change that was tried.
        about: what makes it this finding and no other of its code and object, without numbers that others may change.
        family: stands for the code where the same thing may come with another one; empty where it does not.
        weight: how much of it there is (pods that wait, say): more of it than before is new.
        invalid: whether the API server would refuse the object, or the text is no manifest.
        excerpt: the source line, or the part of a long one around the place, of invalid input.
        caret: the column within it.
    """

    code: str
    severity: Severity
    message: str
    api_version: str = ""
    kind: str = ""
    key: str = ""
    location: Location | None = None
    helps: str = ""
    step: str = ""
    checked: bool = False
    about: tuple[str, ...] = ()
    family: str = ""
    weight: int = 1
    invalid: bool = False
    excerpt: str = ""
    caret: int = 0

    @property
    def identity(self) -> tuple[str, ...]:
        """By what a finding is known again in another version of the input."""
        return self.family or self.code, self.kind, self.key, *self.about

    @property
    def order(self) -> tuple[int, Location, str, str, str]:
        """What findings are sorted by: the worst first, then by place."""
        place = self.location or Location(file="")
        return SEVERITIES.index(self.severity), place, self.code, self.message, self.key

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        return f"{place}{self.severity}: {self.message} [{self.code}]"


def severities(rulebook: Rulebook) -> Mapping[str, Severity]:
    """The severity of every code that the rules give one."""
    found: dict[str, Severity] = {}
    for fact in rulebook.facts:
        if fact.predicate in ("code_severity", "finding_code"):
            code, severity = str(fact.row[0]), str(fact.row[1])
            found[code] = next((each for each in SEVERITIES if each == severity), "error")
    return found


def advice(rulebook: Rulebook) -> Mapping[str, str]:
    """What usually helps against what kubelogic tells with a code, where the rules say so."""
    column = {"code_severity": 2, "finding_code": 4}
    return {
        str(fact.row[0]): str(fact.row[column[fact.predicate]]) for fact in rulebook.facts if fact.predicate in column
    }


def place(cluster: Cluster, obj: Object | None, path: Path) -> Location | None:
    """Where a field of an object stands; of what a controller made, where the workload stands."""
    if obj is None:
        return None
    if obj.origin is not None:
        return obj.origin.locate(path)
    owner = owner_with_origin(cluster, obj)
    return owner.place()


def by_identity(findings: Iterable[Finding]) -> Mapping[tuple[str, ...], int]:
    """How much there is of each finding."""
    found: dict[tuple[str, ...], int] = {}
    for each in findings:
        found[each.identity] = max(found.get(each.identity, 0), each.weight)
    return found
