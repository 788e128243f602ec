"""What is made of rules and never differs, kept as files between runs: parsed rule files, the steps of evaluations,
compiled joins.

The files lie in the user's cache directory (``KUBELOGIC_CACHE_DIR``; else ``kubelogic`` below ``XDG_CACHE_HOME`` or
``~/.cache``). Each is found by a hash of all that it was made from, so none is ever stale; none is ever needed, and
what cannot be read or written is made anew. Compiled joins are code, as ``.pyc`` files are: a directory that
somebody else may write to is not used. ``KUBELOGIC_CACHE_DIR=`` (empty) keeps nothing.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import msgspec

from kubelogic.logic.terms import Clause, RuleFile

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

Plans = dict[tuple[str, int | None], tuple[tuple[tuple[int, ...], bytes], ...]]
"""For the mark of a rule and a seed: sizes of the relations that it reads, and the key of the join for about those."""

Texts = tuple[tuple[str, str], ...]
"""Rule files in their order: name and text of each."""

_VARIABLE = "KUBELOGIC_CACHE_DIR"
_MOST_CODES = 20_000
"""Compiled joins in the file; a file with more is begun anew with those of the present run."""
_BOOKS = 8
"""Rulebooks that are kept; the ones longest unused go."""
_STEPS = 64
"""Files with the steps of evaluations that are kept."""


def directory() -> Path | None:
    """Where things are kept; None if nowhere."""
    named = os.environ.get(_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "kubelogic"
    except RuntimeError:  # nobody's home
        return None


def kept_files(texts: Texts) -> tuple[RuleFile, ...] | None:
    """The rule files that these texts were parsed to and that were found in order; None if that is not known."""
    path = _book(texts)
    data = _read(path)
    if data is None:
        return None
    try:
        return msgspec.msgpack.decode(data, type=tuple[RuleFile, ...])
    except msgspec.MsgspecError:
        return None


def keep_files(texts: Texts, files: tuple[RuleFile, ...]) -> None:
    """Remember what these texts were parsed to. Call it only with files that were checked."""
    path = _book(texts)
    if path is not None and _write(path, msgspec.msgpack.encode(files)):
        _forget(path.parent, "rules-*")


def book_of(texts: Texts, more: Iterable[Clause]) -> str:
    """What identifies a rulebook of these texts and further clauses, for this version of the rule engine."""
    digest = _digest(texts)
    digest.update(msgspec.msgpack.encode(tuple(more)))
    return digest.hexdigest()[:32]


def kept_steps(book: str, goals: Sequence[str] | None) -> bytes | None:
    """What ``keep_steps`` was given for a rulebook and goals; None if that is not known."""
    return _read(_steps(book, goals))


def keep_steps(book: str, goals: Sequence[str] | None, data: bytes) -> None:
    """Remember the steps of a rulebook's evaluation for some goals.

    Args:
        book: what identifies the rulebook; empty: one that is not kept.
        goals: sorted; None for all.
        data: the steps, encoded.
    """
    path = _steps(book, goals)
    if path is not None and _write(path, data):
        _forget(path.parent, "steps-*", _STEPS)


def key_of(source: str, name: str, mode: str = "exec") -> bytes:
    """Under which a source's code is found."""
    return sha256(f"{mode}\0{name}\0{source}".encode()).digest()


class Codes:
    """Compiled joins by their source.

    >>> eval(Codes().code("6 * 7", "<doc>", "eval"))
    42
    """

    def __init__(self) -> None:
        self._made: dict[bytes, CodeType] = {}
        self._kept: dict[bytes, bytes] | None = None
        self._new = False
        self._plans: dict[str, Plans] = {}
        self._planned: set[str] = set()

    def code(self, source: str, name: str, mode: str = "exec") -> CodeType:
        """``source`` compiled; ``name`` is the file's name in tracebacks."""
        key = key_of(source, name, mode)
        found = self.known(key)
        if found is None:
            found = self._made[key] = compile(source, name, mode)
            self._new = True
        return found

    def known(self, key: bytes) -> CodeType | None:
        """What was compiled under this key, in this run or an earlier one."""
        found = self._made.get(key)
        if found is None:
            if self._kept is None:
                self._kept = _codes()
            data = self._kept.get(key)
            if data is not None:
                found = marshal.loads(data)
                assert isinstance(found, CodeType)
                self._made[key] = found
        return found

    def plans(self, book: str) -> Plans:
        """The keys of a rulebook's joins by rule and seed, each with the sizes it was planned for, from earlier runs.

        Args:
            book: what identifies the rulebook; empty: one that is not kept.
        """
        found = self._plans.get(book)
        if found is None:
            found = (_unmarshalled(_plan(book)) if book else None) or {}
            if book:
                self._plans[book] = found
        return found

    def plan(self, book: str, place: tuple[str, int | None], sizes: tuple[int, ...], key: bytes, most: int) -> None:
        """Remember for later runs what was compiled for a rule and seed; the latest ``most`` of each are kept."""
        if book:
            plans = self.plans(book)
            plans[place] = ((sizes, key), *plans.get(place, ())[: most - 1])
            self._planned.add(book)

    def keep(self) -> None:
        """Write what was compiled since, for later runs."""
        for book in sorted(self._planned):
            path = _plan(book)
            if path is not None and _write(path, marshal.dumps(self._plans[book])):
                _forget(path.parent, "plans-*")
        self._planned.clear()
        path = _joins()
        if not self._new or path is None:
            return
        known = _codes()
        known.update((key, marshal.dumps(code)) for key, code in self._made.items() if key not in known)
        if len(known) > _MOST_CODES:
            known = {key: marshal.dumps(code) for key, code in self._made.items()}
        _write(path, marshal.dumps(known))
        self._new = False


CODES = Codes()
"""The joins of this process."""


def _book(texts: Texts) -> Path | None:
    where = directory()
    return None if where is None else where / f"rules-{_digest(texts).hexdigest()[:32]}"


def _digest(texts: Texts) -> HASH:
    digest = sha256(_engine())
    for name, text in texts:
        digest.update(f"{len(name)} {len(text)} {name}{text}".encode())
    return digest


def _steps(book: str, goals: Sequence[str] | None) -> Path | None:
    where = directory()
    if where is None or not book:
        return None
    asked = "all" if goals is None else " ".join(goals)
    return where / f"steps-{book}-{sha256(asked.encode()).hexdigest()[:16]}"


def _joins() -> Path | None:
    where = directory()
    return None if where is None else where / f"joins-{sys.implementation.cache_tag}-{sys.hexversion:x}"


@cache
def _engine() -> bytes:
    """What tells this parser and checker from those of other versions: the state of each of their source files."""

    def states() -> Iterator[str]:
        for path in sorted(Path(__file__).parent.glob("*.py")):
            state = path.stat()
            yield f"{path.name} {state.st_size} {state.st_mtime_ns}"

    return "\n".join(states()).encode()


def _plan(book: str) -> Path | None:
    where = directory()
    return None if where is None else where / f"plans-{sys.implementation.cache_tag}-{sys.hexversion:x}-{book}"


def _codes() -> dict[bytes, bytes]:
    return _unmarshalled(_joins())


def _unmarshalled(path: Path | None) -> dict[Any, Any]:
    data = _read(path)
    if data is None:
        return {}
    try:
        found = marshal.loads(data)
    except (EOFError, ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _forget(where: Path, pattern: str, most: int = _BOOKS) -> None:
    """Delete the files that were written before so many others."""
    with contextlib.suppress(OSError):
        books = sorted(where.glob(pattern), key=lambda book: book.stat().st_mtime_ns, reverse=True)
        for old in books[most:]:
            old.unlink()


def _read(path: Path | None) -> bytes | None:
    """What a file of ours holds; None if it is not there, cannot be read, or may have been written by others."""
    if path is None or not _ours(path.parent):
        return None
    try:
        return path.read_bytes()
    except OSError:
        return None


def _write(path: Path, data: bytes) -> bool:
    """Put a file in place as a whole, or not at all; says which."""
    import tempfile  # most runs write nothing

    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _ours(path.parent):
            handle, temporary = tempfile.mkstemp(dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(temporary).replace(path)
            except OSError:
                Path(temporary).unlink(missing_ok=True)
                return False
            return True
    return False


def _ours(where: Path) -> bool:
    """Whether a directory is this user's and nobody else's to write to."""
    try:
        state = where.stat()
    except OSError:
        return False
    mine = not hasattr(os, "getuid") or state.st_uid == os.getuid()
    return mine and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
