"""Problems of one document, and the collector that validators write them to."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from kubelogic.text.location import Path

Tree = dict[str, Any]
"""A mapping of a decoded document."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the API server refuses (or warns of).

    ``path`` leads into the document as it was written; with ``on_key`` the key is at fault, not its value.
    """

    path: Path
    code: str
    message: str
    on_key: bool = False

    @property
    def sort_key(self) -> tuple[tuple[tuple[int, int, str], ...], str, str]:
        """Order of the document's fields by name and index, then code and message."""
        steps = tuple((1, step, "") if isinstance(step, int) else (0, 0, step) for step in self.path)
        return steps, self.code, self.message

    def __lt__(self, other: Problem) -> bool:
        return self.sort_key < other.sort_key


def quoted(value: Any) -> str:
    """A value as a message shows it: JSON, shortened.

    >>> quoted("a"), quoted(3), quoted("x" * 200)[:10]
    ('"a"', '3', '"xxxxxxxxx')
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-12:]}"


def listed(values: Iterable[str]) -> str:
    """Values as a message lists them.

    >>> listed(["a", "b"])
    '"a" or "b"'
    """
    items = [quoted(value) for value in values]
    return " or ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that a misspelt one most likely means."""
    folded = {name.lower(): name for name in sorted(known)}
    if word.lower() in folded:
        return folded[word.lower()]
    close = difflib.get_close_matches(word.lower(), sorted(folded), n=1, cutoff=0.7)
    return folded[close[0]] if close else None


class Report(msgspec.Struct):
    """Collects the problems and warnings of one document while it is checked."""

    problems: list[Problem] = msgspec.field(default_factory=list)
    warnings: list[Problem] = msgspec.field(default_factory=list)

    def add(self, path: Path, code: str, message: str, *, on_key: bool = False) -> None:
        """Note a problem in words of its own."""
        self.problems.append(Problem(path=path, code=code, message=message, on_key=on_key))

    def warn(self, path: Path, code: str, message: str) -> None:
        """Note something that is accepted but worth knowing."""
        self.warnings.append(Problem(path=path, code=code, message=message))

    def required(self, path: Path, hint: str = "") -> None:
        """A value is missing."""
        self.add(path, "KL120", f"is required{': ' + hint if hint else ''}")

    def invalid(self, path: Path, code: str, value: Any, rule: str) -> None:
        """A value breaks a rule."""
        self.add(path, code, f"{quoted(value)} {rule}")

    def unsupported(self, path: Path, value: Any, allowed: Collection[str]) -> None:
        """A value is not one of those allowed."""
        near = nearest(value, allowed) if isinstance(value, str) and value else None
        hint = f" (did you mean {quoted(near)}?)" if near else ""
        self.add(path, "KL121", f"{quoted(value)} is not supported: use {listed(allowed)}{hint}")

    def forbidden(self, path: Path, reason: str) -> None:
        """A field may not be set here."""
        self.add(path, "KL127", reason)

    def duplicate(self, path: Path, value: Any, what: str = "is there twice; each may appear once") -> None:
        """The same value a second time."""
        self.add(path, "KL126", f"{quoted(value)} {what}")

    def not_found(self, path: Path, value: Any, where: str) -> None:
        """A reference within the document leads nowhere."""
        self.add(path, "KL128", f"{quoted(value)} is not {where}")

    def too_many(self, path: Path, number: int, limit: int) -> None:
        """A list or mapping has too many entries."""
        self.add(path, "KL129", f"has {number:,} entries; at most {limit:,} are allowed")

    def too_long(self, path: Path, size: int, limit: int, unit: str = "characters") -> None:
        """A text or a sum of texts is too long."""
        self.add(path, "KL129", f"has {size:,} {unit}; at most {limit:,} are allowed")

    def one_of(self, path: Path, value: Any, allowed: Collection[str]) -> None:
        """Check a value that must be set to one of a few words."""
        if not value:
            self.add(path, "KL120", f"is required: use {listed(allowed)}")
        elif value not in allowed:
            self.unsupported(path, value, allowed)

    def at_least(self, node: Mapping[str, Any], key: str, path: Path, minimum: int = 0) -> None:
        """Check an optional number's lower bound."""
        value = node.get(key)
        if value is not None and value < minimum:
            self.add((*path, key), "KL122", f"must be at least {minimum}, is {value}")

    def between(self, value: int, path: Path, low: int, high: int, code: str = "KL122") -> None:
        """Check a number's bounds."""
        if not low <= value <= high:
            self.add(path, code, f"must be between {low} and {high}, is {value}")
