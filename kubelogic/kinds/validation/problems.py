"""Problems of one document, and the collector that validators write them to."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sized
from typing import Any

import msgspec

from kubelogic.kinds.validation import api_words
from kubelogic.text.location import Path, dotted

Tree = dict[str, Any]
"""A mapping of a decoded document."""


NO_SUCH_FIELD = "there is no such field here"
"""How the message of an unknown field ends that resembles none that there is."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the API server refuses (or warns of).

    ``path`` leads into the document as it was written; with ``on_key`` the key is at fault, not its value. ``told`` is
    what the API server says, each with the field that it names: often one sentence, more where it says more.
    """

    path: Path
    code: str
    message: str
    on_key: bool = False
    told: tuple[tuple[str, str], ...] | None = None

    @property
    def faults(self) -> tuple[tuple[str, str], ...]:
        """The fields that the API server names, and what it says of each."""
        return ((dotted(self.path), self.message),) if self.told is None else self.told

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


_TWICE = "is there twice; each may appear once"

Words = str | Iterable[str]
"""What the API server says: once, or several times."""


def _all(words: Words) -> tuple[str, ...]:
    return ((words,) if words else ()) if isinstance(words, str) else tuple(words)


class Report(msgspec.Struct):
    """Collects the problems and warnings of one document while it is checked, in the API server's order.

    What each problem is, is said twice: to people who read a manifest, and in the API server's words (``api``, of the
    field ``at`` where that is another). The methods know the API server's words of what they check.
    """

    problems: list[Problem] = msgspec.field(default_factory=list)
    warnings: list[Problem] = msgspec.field(default_factory=list)

    def add(
        self,
        path: Path,
        code: str,
        message: str,
        *,
        on_key: bool = False,
        api: Words = (),
        at: str = "",
        told: Iterable[tuple[str, str]] | None = None,
    ) -> None:
        """Note a problem in words of its own.

        Args:
            path: where it is.
            code: its permanent code.
            message: what is wrong, for people.
            on_key: whether the key is at fault, not its value.
            api: what the API server says.
            at: the field that the API server names, if it is not ``path``.
            told: all that the API server says and of which fields, where it speaks of several, or says nothing because
                it has stopped at an earlier problem.
        """
        where = at or dotted(path)
        faults = tuple((where, words) for words in _all(api)) or None if told is None else tuple(told)
        self.problems.append(Problem(path=path, code=code, message=message, on_key=on_key, told=faults))

    def warn(self, path: Path, code: str, message: str) -> None:
        """Note something that is accepted but worth knowing."""
        self.warnings.append(Problem(path=path, code=code, message=message))

    def beyond(self, found: Report) -> None:
        """Take over what the API server does not say, because it has stopped at an earlier problem."""
        self.problems += [msgspec.structs.replace(problem, told=()) for problem in found.problems]
        self.warnings += found.warnings

    def required(self, path: Path, hint: str = "", *, api: str = "", at: str = "") -> None:
        """A value is missing.

        Args:
            path: of the value.
            hint: what to write.
            api: the detail that the API server gives.
            at: the field that it names.
        """
        words = f"Required value: {api}" if api else "Required value"
        self.add(path, "KL120", f"is required{': ' + hint if hint else ''}", api=words, at=at)

    def check(self, path: Path, code: str, value: str, rule: Callable[[str], str], *, at: str = "") -> bool:
        """Check a text by a rule of ``names``; whether it keeps it."""
        wrong = rule(value)
        if wrong:
            self.invalid(path, code, value, wrong, detail=api_words.RULES[rule](value), at=at)
        return not wrong

    def invalid(
        self, path: Path, code: str, value: Any, rule: str, *, detail: Words = (), at: str = "", on_key: bool = False
    ) -> None:
        """A value breaks a rule; ``detail`` says in the API server's words which."""
        self.wrong(path, code, f"{quoted(value)} {rule}", value, *_all(detail), at=at, on_key=on_key)

    def wrong(
        self, path: Path, code: str, message: str, value: Any, *rules: str, at: str = "", on_key: bool = False
    ) -> None:
        """A value breaks rules, told to people by a message of its own; ``rules`` are the API server's words."""
        self.add(path, code, message, api=api_words.invalid(value, *rules), at=at, on_key=on_key)

    def unsupported(
        self, path: Path, value: Any, allowed: Collection[str], *, api: Collection[str] = (), at: str = ""
    ) -> None:
        """A value is not one of those allowed; ``api`` has them in the API server's order, if not the alphabet's."""
        near = nearest(value, allowed) if isinstance(value, str) and value else None
        hint = f" (did you mean {quoted(near)}?)" if near else ""
        words = api_words.unsupported(value, list(api) or sorted(allowed))
        self.add(path, "KL121", f"{quoted(value)} is not supported: use {listed(allowed)}{hint}", api=words, at=at)

    def forbidden(self, path: Path, reason: str, *, api: str = "", at: str = "") -> None:
        """A field may not be set here."""
        self.add(path, "KL127", reason, api=f"Forbidden: {api or reason}", at=at)

    def duplicate(
        self,
        path: Path,
        value: Any,
        what: str = _TWICE,
        *,
        api: str = "",
        at: str = "",
    ) -> None:
        """The same value a second time; ``api`` is how the API server shows it if not as it is."""
        shown = api or api_words.shown(value)
        self.add(path, "KL126", f"{quoted(value)} {what}", api=f"Duplicate value: {shown}", at=at)

    def not_found(self, path: Path, value: Any, where: str, *, at: str = "") -> None:
        """A reference within the document leads nowhere."""
        words = f"Not found: {api_words.shown(value)}"
        self.add(path, "KL128", f"{quoted(value)} is not {where}", api=words, at=at)

    def too_many(self, path: Path, number: int, limit: int, *, at: str = "") -> None:
        """A list or mapping has too many entries."""
        words = f"Too many: {number}: must have at most {limit} items"
        self.add(path, "KL129", f"has {number:,} entries; at most {limit:,} are allowed", api=words, at=at)

    def too_long(self, path: Path, size: int, limit: int, unit: str = "characters", *, at: str = "") -> None:
        """A text or a sum of texts is too long."""
        words = f"Too long: may not be more than {limit} bytes"
        self.add(path, "KL129", f"has {size:,} {unit}; at most {limit:,} are allowed", api=words, at=at)

    def one_of(
        self, path: Path, value: Any, allowed: Collection[str], *, api: Collection[str] = (), empty: str = ""
    ) -> None:
        """Check a value that must be set to one of a few words.

        Args:
            path: of the value.
            value: what is there.
            allowed: the words.
            api: the words in the API server's order, if that is not the alphabet's.
            empty: what the API server says of an empty value, if not that it is required.
        """
        if not value:
            words = empty or "Required value"
            self.add(path, "KL120", f"is required: use {listed(allowed)}", api=words)
        elif value not in allowed:
            self.unsupported(path, value, allowed, api=api)

    def present(self, path: Path, value: Any, hint: str = "", *, api: str = "", at: str = "") -> None:
        """Check that a value is there and not empty; see ``required``."""
        if not value:
            self.required(path, hint, api=api, at=at)

    def choice(
        self, path: Path, value: Any, allowed: Collection[str], *, api: Collection[str] = (), at: str = ""
    ) -> None:
        """Check a value that is one of a few words if it is there; see ``unsupported``."""
        if value is not None and value not in allowed:
            self.unsupported(path, value, allowed, api=api, at=at)

    def once(
        self, path: Path, value: Hashable, seen: set[Any], what: str = _TWICE, *, api: str = "", at: str = ""
    ) -> None:
        """Check that a value is none of those ``seen`` so far, to which it is added; see ``duplicate``."""
        if value in seen:
            self.duplicate(path, value, what, api=api, at=at)
        seen.add(value)

    def no_more(self, path: Path, entries: Sized, limit: int) -> None:
        """Check how many entries a list or mapping has."""
        if len(entries) > limit:
            self.too_many(path, len(entries), limit)

    def no_longer(self, path: Path, text: str, limit: int) -> None:
        """Check how many characters a text has."""
        if len(text) > limit:
            self.too_long(path, len(text), limit)

    def at_least(self, node: Mapping[str, Any], key: str, path: Path, minimum: int = 0) -> None:
        """Check an optional number's lower bound."""
        value = node.get(key)
        if value is not None and value < minimum:
            words = f"must be greater than or equal to {minimum}"
            self.wrong((*path, key), "KL122", f"must be at least {minimum}, is {value}", value, words)

    def between(self, value: int, path: Path, low: int, high: int, code: str = "KL122") -> None:
        """Check a number's bounds."""
        if not low <= value <= high:
            words = f"must be between {low} and {high}, inclusive"
            self.wrong(path, code, f"must be between {low} and {high}, is {value}", value, words)
