"""One cluster of many, and what is asked about it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TypeGuard

import msgspec
from msgspec.structs import replace

from kubelogic import __version__
from kubelogic.kinds.pools import is_pool
from kubelogic.verify.question import Question


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster, and what is asked about it: plain data, so that it can be sent anywhere.

    Attributes:
        name: the path that was typed.
        paths: what is read: this path, and those that all clusters share.
        question: what is asked.
        namespace: see ``apiserver.reading.load``; so are ``nodes`` to ``default_storage_class``.
        scheduler_config: a file with the configuration of the scheduler; empty for that of the input.
        scheduler: see ``Options``; so are the others.
        memory: bytes that a process of this machine may take for it; 0: any number.
    """

    name: str
    paths: tuple[str, ...]
    question: Question
    namespace: str = "default"
    nodes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    strict: bool = False
    keep_going: bool = False
    default_storage_class: str = ""
    scheduler_config: str = ""
    scheduler: str = "optimal"
    rules: tuple[str, ...] = ()
    parameters: tuple[tuple[str, int | str], ...] = ()
    timeout: float = 60.0
    horizon: int = 60_000
    memory: int = 0

    @property
    def seconds(self) -> float:
        """How long its search may take."""
        return max(self.timeout, self.question.limit)

    @property
    def files(self) -> tuple[str, ...]:
        """All that is read for objects: what is configured comes last."""
        return (*self.paths, *filter(None, [self.scheduler_config]))

    @property
    def mark(self) -> str:
        """What tells a job from others: the question, the options, and the content of every file."""
        digest = hashlib.sha256(json.dumps([__version__, msgspec.to_builtins(self)], sort_keys=True).encode())
        for path in (*self.files, *self.nodes, *self.rules, *self._invariants()):
            for file in _files(Path(path)):
                digest.update(f"{file.name} {file.stat().st_size} ".encode("utf-8", "surrogateescape"))
                with contextlib.suppress(PermissionError):  # the worker tells what it cannot read
                    digest.update(file.read_bytes())
        return digest.hexdigest()[:32]

    def from_anywhere(self) -> Job:
        """The job for a process that has another current directory."""
        return replace(
            self,
            paths=tuple(map(_absolute, self.paths)),
            nodes=tuple(each if is_pool(each) else _absolute(each) for each in self.nodes),
            scheduler_config=_absolute(self.scheduler_config) if self.scheduler_config else "",
            rules=tuple(map(_absolute, self.rules)),
            question=replace(
                self.question,
                invariants=tuple(_absolute(each) if _is_file(each) else each for each in self.question.invariants),
            ),
        )

    def _invariants(self) -> list[str]:
        """The rule files among what has to hold."""
        return [each for each in self.question.invariants if _is_file(each)]


def _is_file(invariant: object) -> TypeGuard[str]:
    return isinstance(invariant, str) and invariant.endswith(".dl")


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _files(path: Path) -> list[Path]:
    if os.path.isdir(path):
        return sorted(each for each in path.rglob("*") if os.path.isfile(each))
    return [path] if os.path.isfile(path) else []
