"""The durable store: what etcd is for a real cluster. SQLite in WAL mode, one transaction for each commit.

A commit is on the disk before anybody is told of it. A store that is opened again gives the state and the revisions as
they were; old changes are compacted with the history in memory.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State, Warned
from kubelogic.logic import Rulebook
from kubelogic.serve.history import Change, History, Identity

_APPLICATION = 0x6B756C6F
"""Tells a store from other databases (``application_id``)."""

_VERSION = 1
_ON_OPEN = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "journal_size_limit=67108864")
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects
    (kind TEXT, key TEXT, revision INTEGER, document BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes
    (revision INTEGER PRIMARY KEY, type TEXT, kind TEXT, key TEXT, document BLOB, old BLOB, old_revision INTEGER);
CREATE TABLE IF NOT EXISTS rows (part TEXT, name TEXT, row BLOB, PRIMARY KEY (part, name, row)) WITHOUT ROWID;
"""
_encode = msgspec.json.encode

Type = Literal["ADDED", "MODIFIED", "DELETED"]
_Row = tuple[str, str, bytes]
"""What a state has beside objects: part (world, memory, names, warned, unseen), name and the rest as JSON."""


class StoreError(Exception):
    """The file is no store, is used by another server, or cannot be read or written; says why."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds."""

    state: State
    history: History


class Store(msgspec.Struct, kw_only=True):
    """A store that a server has opened: ``Keeper``."""

    path: str
    _connection: sqlite3.Connection
    _lock: int
    _state: State = msgspec.field(default_factory=lambda: State(cluster=Cluster()))
    _compacted: int = 0

    @classmethod
    def open(cls, path: str) -> Store:
        """Open a store to serve it, or make a new one, which only its owner may read: Secrets are in it.

        Raises:
            StoreError: it cannot be opened.
        """
        lock = _locked(path)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            _check(connection, path)
            for each in _ON_OPEN:
                connection.execute(f"PRAGMA {each}")
            connection.executescript(_TABLES)
            connection.execute(f"PRAGMA application_id={_APPLICATION}")
            connection.execute(f"PRAGMA user_version={_VERSION}")
        except (OSError, sqlite3.Error) as error:
            os.close(lock)
            raise _failed(path, error) from error
        except StoreError:
            os.close(lock)
            raise
        return cls(path=path, _connection=connection, _lock=lock)

    def keep(self, state: State, history: History, changes: Iterable[Change]) -> None:
        """Write what was committed, in one transaction.

        Raises:
            StoreError: it cannot be written; then nothing of it is.
        """
        changed = list(changes)
        run = self._connection.execute
        try:
            run("BEGIN IMMEDIATE")
            try:
                self._write(changed, state)
                if history.compacted > self._compacted:
                    run("DELETE FROM changes WHERE revision <= ?", (history.compacted,))
                meta = {"now": state.now, "revision": history.revision, "compacted": history.compacted}
                self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", sorted(meta.items()))
                run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    run("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _failed(self.path, error) from error
        self._state, self._compacted = state, history.compacted

    def _write(self, changes: list[Change], state: State) -> None:
        many = self._connection.executemany
        gone = [(each.obj.kind, each.obj.key) for each in changes if each.type == "DELETED"]
        documents = [(each, _encode(each.obj.document)) for each in changes]
        there = [(c.obj.kind, c.obj.key, c.revision, text) for c, text in documents if c.type != "DELETED"]
        noted = [
            (
                c.revision,
                c.type,
                c.obj.kind,
                c.obj.key,
                text,
                _encode(c.old.document) if c.old else None,
                c.old_revision,
            )
            for c, text in documents
        ]
        many("DELETE FROM objects WHERE kind = ? AND key = ?", gone)
        many("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", there)
        many("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)", noted)
        many("DELETE FROM rows WHERE part = ? AND name = ? AND row = ?", _lacking(state, self._state))
        many("INSERT INTO rows VALUES (?, ?, ?)", _lacking(self._state, state))

    def load(self, rules: Rulebook) -> Kept | None:
        """What is in it; None if it is new.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            meta = dict(self._connection.execute("SELECT name, value FROM meta"))
            if not meta:
                return None
            kept = _loaded(self._connection, meta, rules)
        except (sqlite3.Error, msgspec.DecodeError, KeyError, ValueError, TypeError) as error:
            raise _failed(self.path, error) from error
        self._state, self._compacted = kept.state, kept.history.compacted
        return kept

    def close(self) -> None:
        """Close it; everything is on the disk already."""
        self._connection.close()
        os.close(self._lock)


def documents(path: str) -> list[dict[str, Any]]:
    """The objects of a store, whether it is served at this moment or not, by kind and key.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        if not Path(path).is_file():
            raise StoreError(f"{path}: there is no such store")
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            _check(connection, path)
            found = connection.execute("SELECT document, revision FROM objects ORDER BY kind, key").fetchall()
            return [_versioned(msgspec.json.decode(text), revision) for text, revision in found]
    except (OSError, sqlite3.Error, msgspec.DecodeError, ValueError) as error:
        raise _failed(path, error) from error


def _versioned(document: dict[str, Any], revision: int) -> dict[str, Any]:
    return {**document, "metadata": {**document["metadata"], "resourceVersion": str(revision)}}


def _check(connection: sqlite3.Connection, path: str) -> None:
    """That a database is a store, or empty."""
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != _APPLICATION:
        raise StoreError(f"{path} is a database, but no store of kubelogic serve")
    if version > _VERSION:
        raise StoreError(f"{path} was written by a newer kubelogic (form {version}; this one reads {_VERSION})")


def _locked(path: str) -> int:
    """Keep other servers out until this process ends, however it ends."""
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _failed(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StoreError(f"{path} is served by another process") from error
    return lock


def _failed(path: str, error: Exception) -> StoreError:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return StoreError(f"{path}: {said[:1].lower()}{said[1:]}")


def _lacking(one: State, other: State) -> list[_Row]:
    """What the other state has beside objects and the one has not."""
    found: list[_Row] = []
    if other.world is not one.world:
        for name, rows in other.world.items():
            found += [("world", name, _encode(row)) for row in rows - one.world.get(name, frozenset())]
    if other.memory is not one.memory:
        memory = other.memory.items() - one.memory.items()
        found += [("memory", topic, _encode([key, value])) for (topic, key), value in memory]
    if other.names is not one.names:
        found += [("names", name, _encode(number)) for name, number in other.names.items() - one.names.items()]
    warned = other.warned - one.warned
    found += [("warned", each.kind, _encode([each.key, each.text, each.reason])) for each in warned]
    found += [("unseen", name, b"") for name in other.unseen_accounts - one.unseen_accounts]
    return sorted(found)


def _loaded(connection: sqlite3.Connection, meta: Mapping[str, int], rules: Rulebook) -> Kept:
    versions: dict[Identity, int] = {}
    objects: list[Object] = []
    for kind, key, revision, text in connection.execute("SELECT * FROM objects"):
        objects.append(_object(kind, text))
        versions[kind, key] = revision
    there = {(each.kind, each.key): each for each in objects}
    changes = []
    last: dict[Identity, tuple[int, Object]] = {}
    for revision, type_, kind, key, text, old, was in connection.execute("SELECT * FROM changes ORDER BY revision"):
        identity = kind, key
        current = there[identity] if versions.get(identity) == revision else _object(kind, text)
        known = last.get(identity)
        before = known[1] if known is not None and known[0] == was else _object(kind, old) if old is not None else None
        last[identity] = revision, current
        changes.append(Change(revision=revision, type=cast(Type, type_), obj=current, old=before, old_revision=was))
    history = History.resumed(
        revision=meta["revision"], compacted=meta["compacted"], versions=versions, changes=changes
    )
    cluster = Cluster.of(objects)
    state = replace(State.of(cluster, rules=rules), **_rest(connection), now=meta["now"])
    return Kept(state=state, history=history)


def _object(kind: str, text: bytes) -> Object:
    document = msgspec.json.decode(text)
    meta = document["metadata"]
    return Object(
        api_version=document["apiVersion"],
        kind=kind,
        namespace=meta.get("namespace") or "",
        name=meta["name"],
        document=document,
    )


def _rest(connection: sqlite3.Connection) -> dict[str, Any]:
    world: dict[str, set[Any]] = {}
    memory: dict[tuple[str, str], Any] = {}
    names: dict[str, int] = {}
    warned, unseen = set(), set()
    for part, name, text in connection.execute("SELECT * FROM rows"):
        found: Any = msgspec.json.decode(text) if text else None
        match part:
            case "world":
                world.setdefault(name, set()).add(tuple(found))
            case "memory":
                memory[name, found[0]] = found[1]
            case "names":
                names[name] = found
            case "warned":
                warned.add(Warned(kind=name, key=found[0], text=found[1], reason=found[2]))
            case _:
                unseen.add(name)
    return {
        "world": {name: frozenset(rows) for name, rows in world.items()},
        "memory": memory,
        "names": names,
        "warned": frozenset(warned),
        "unseen_accounts": frozenset(unseen),
    }
