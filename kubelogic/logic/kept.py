"""What is made of rules and never differs, kept as files between runs: parsed rule files, the steps of evaluations,
compiled joins.

The files lie in the user's cache directory (``KUBELOGIC_CACHE_DIR``; else ``kubelogic`` below ``XDG_CACHE_HOME`` or
``~/.cache``; a relative one counts for nothing, as its specification has it).
Each is found by a hash of all that it was made from, so none is ever stale; none is ever needed, and
what cannot be read or written is made anew. Compiled joins are code, as ``.pyc`` files are: a directory that
somebody else may write to is not used. ``KUBELOGIC_CACHE_DIR=`` (empty) keeps nothing.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from kubelogic.logic.encoded import Clauses
from kubelogic.logic.terms import Atom, Clause, Declaration, Omission, RuleFile

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

Plans = dict[tuple[str, int | None], tuple[tuple[tuple[int, ...], bytes], ...]]
"""For the mark of a rule and a seed: sizes of the relations that it reads, and the key of the join for about those."""

Texts = tuple[tuple[str, str], ...]
"""Rule files in their order: name and text of each."""

_HALF = "half-"
_ABANDONED = 3600
"""Seconds after which nobody writes any more on a file that is half written."""
_TOTAL = 4
"""Bytes of the sum with which a file begins."""
_NOT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_VARIABLE = "KUBELOGIC_CACHE_DIR"
_MOST_CODES = 10_000
"""Compiled joins in the file of all; a file with more is begun anew with those of the present run."""
_BOOKS = 8
"""Rulebooks that are kept; the ones longest unused go."""
_ANSWERS = 64
"""Answers about rulebooks that are kept."""


def directory() -> Path | None:
    """Where things are kept; None if nowhere."""
    named = os.environ.get(_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "kubelogic"
    except RuntimeError:  # nobody's home
        return None


class KeptRules(msgspec.Struct, frozen=True, array_like=True):
    """Parsed rule files that were checked and are in order: what every run reads of them, and the rest encoded.

    ``files`` are without clauses, of which ``sizes`` says how many each has; ``heads`` and ``reads`` are those of
    ``Clauses``.
    """

    files: tuple[msgspec.Raw, ...]
    sizes: tuple[int, ...]
    clauses: tuple[msgspec.Raw, ...]
    heads: tuple[str, ...]
    reads: tuple[tuple[str, ...], ...]
    declarations: tuple[Declaration, ...]
    facts: tuple[Atom, ...]
    omissions: tuple[Omission, ...]

    @classmethod
    def of(cls, files: Sequence[RuleFile], clauses: Clauses, facts: tuple[Atom, ...]) -> KeptRules:
        """Some files, all of their clauses, and all of their facts."""
        return cls(
            tuple([_encoded(msgspec.structs.replace(file, clauses=())) for file in files]),
            tuple([len(file.clauses) for file in files]),
            tuple(map(_encoded, clauses)),
            clauses.heads,
            clauses.reads,
            tuple([each for file in files for each in file.declarations]),
            facts,
            tuple([each for file in files for each in file.omits]),
        )


def _encoded(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(value))


def kept_rules(texts: Texts) -> KeptRules | None:
    """What these texts were parsed to; None if that is not known."""
    data = _read(_book(texts))
    if data is None:
        return None
    try:
        return msgspec.msgpack.decode(data, type=KeptRules)
    except msgspec.MsgspecError:
        return None


def keep_rules(texts: Texts, rules: KeptRules) -> None:
    """Remember what these texts were parsed to. Call it only with what was checked."""
    path = _book(texts)
    if path is not None and _write(path, msgspec.msgpack.encode(rules)):
        _forget(path.parent, "rules-*")


def book_of(texts: Texts, more: Iterable[Clause]) -> str:
    """What identifies a rulebook of these texts and further clauses, for this version of the rule engine."""
    digest = _digest(texts)
    digest.update(msgspec.msgpack.encode(tuple(more)))
    return digest.hexdigest()[:32]


def kept_answer(book: str, question: str) -> bytes | None:
    """What ``keep_answer`` was given for a rulebook and a question; None if that is not known."""
    return _read(_answer(book, question))


def keep_answer(book: str, question: str, answer: bytes) -> None:
    """Remember something that follows from a rulebook alone.

    Args:
        book: what identifies the rulebook; empty: one that is not kept.
        question: what was asked, and of what version of the code.
        answer: encoded.
    """
    path = _answer(book, question)
    if path is not None and _write(path, answer):
        _forget(path.parent, "answer-*", _ANSWERS)


def version_of(source: str) -> str:
    """What tells a source file from its other versions: its state.

    Args:
        source: the path of the file.
    """
    state = Path(source).stat()
    return f"{state.st_size} {state.st_mtime_ns}"


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
        self._kept: dict[bytes, bytes] = {}
        self._all = False
        self._new = False
        self._plans: dict[str, Plans] = {}
        self._planned: set[str] = set()

    def code(self, source: str, name: str, mode: str = "exec") -> CodeType:
        """``source`` compiled; ``name`` is the file's name in tracebacks."""
        key = key_of(source, name, mode)
        found = self.known(key)
        if found is None and not self._all:
            self._all = True
            self._kept = {**_unmarshalled(_joins()), **self._kept}
            found = self.known(key)
        if found is None:
            found = self._made[key] = compile(source, name, mode)
            self._new = True
        return found

    def known(self, key: bytes) -> CodeType | None:
        """What was compiled under this key, in this run or an earlier one, as far as that is at hand."""
        found = self._made.get(key)
        if found is None:
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
            kept = _unmarshalled(_plan(book)) if book else {}
            found = kept.get("plans", {})
            self._kept.update(kept.get("joins", {}))
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
            plans, path = self._plans[book], _plan(book)
            keys = [key for planned in plans.values() for _, key in planned]
            joins = {key: data for key in keys if (data := self._data(key)) is not None}
            if path is not None and _write(path, marshal.dumps({"plans": plans, "joins": joins})):
                _forget(path.parent, "plans-*")
        self._planned.clear()
        path = _joins()
        if not self._new or path is None:
            return
        known = _unmarshalled(path)
        known.update((key, marshal.dumps(code)) for key, code in self._made.items() if key not in known)
        if len(known) > _MOST_CODES:
            known = {key: marshal.dumps(code) for key, code in self._made.items()}
        _write(path, marshal.dumps(known))
        self._new = False

    def _data(self, key: bytes) -> bytes | None:
        made = self._made.get(key)
        return self._kept.get(key) if made is None else marshal.dumps(made)


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


def _answer(book: str, question: str) -> Path | None:
    where = directory()
    if where is None or not book:
        return None
    return where / f"answer-{book}-{sha256(question.encode()).hexdigest()[:16]}"


def _joins() -> Path | None:
    where = directory()
    return None if where is None else where / f"joins-{sys.implementation.cache_tag}-{sys.hexversion:x}"


@cache
def _engine() -> bytes:
    """What tells this parser and checker from those of other versions: the state of each of their source files."""

    def states() -> Iterator[str]:
        for path in sorted(Path(__file__).parent.glob("*.py")):
            yield f"{path.name} {version_of(str(path))}"

    return "\n".join(states()).encode()


def _plan(book: str) -> Path | None:
    where = directory()
    return None if where is None else where / f"plans-{sys.implementation.cache_tag}-{sys.hexversion:x}-{book}"


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


def _forget_halves(where: Path) -> None:
    """Delete what processes that were killed have left half written."""
    for half in where.glob(f"{_HALF}*"):
        if half.stat().st_mtime < time.time() - _ABANDONED:
            half.unlink()


def _read(path: Path | None) -> bytes | None:
    """What a file of ours holds; None if it is not there, cannot be read, or may have been written by others."""
    if path is None or not _ours(path.parent):
        return None
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | _NOT_WAITING), "rb") as file:  # a pipe is not waited for
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            total = file.read(_TOTAL)
            data = file.read()
    except OSError:
        return None
    return data if total == _total(data) else None


def _total(data: bytes) -> bytes:
    """A sum over what is written: what a disk or a crash has damaged is made anew, and not run as code."""
    return crc32(data, len(data)).to_bytes(_TOTAL, "big")


def _write(path: Path, data: bytes) -> bool:
    """Put a file in place as a whole, or not at all; says which."""
    import tempfile  # most runs write nothing

    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _ours(path.parent):
            _forget_halves(path.parent)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_HALF)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_total(data))
                    file.write(data)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
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
