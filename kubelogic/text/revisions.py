"""Files as they were at a revision of a git repository."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from kubelogic.text import rendering

_PATIENCE = 60
"""Seconds that git may take."""


class RevisionError(Exception):
    """A revision that is none, or files that it cannot be asked for; the text says which and why."""


def at_revision(paths: Sequence[str], revision: str, target: Path) -> list[str]:
    """Put files as they were at a revision into a folder; returns their paths there, without those that were not there.

    Args:
        paths: files and folders of one repository.
        revision: whatever git takes for a commit.
        target: an empty folder.

    Raises:
        RevisionError: if there is no git, no repository or no such revision.
    """
    if shutil.which("git") is None:
        raise RevisionError(f"{revision}: there is no such file, and git is not installed")
    folder = _folder(paths[0]) if paths else "."
    top = _git(folder, revision, "rev-parse", "--show-toplevel").decode().strip()
    commit = _git(folder, revision, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    known = commit.decode().strip()
    inside = []
    for path in paths:
        relative = os.path.relpath(os.path.realpath(path), os.path.realpath(top))
        if path == "-" or relative.startswith(".."):
            raise RevisionError(f"{revision}: {path} is not in the repository {top}, so there is no earlier version")
        inside.append(relative)
    there = [each for each in inside if each == "." or _git(top, revision, "ls-tree", known, "--", each)]
    if not there:
        return []
    # What is rendered may read other folders of the repository.
    whole = any(rendering.needs_rendering(found) for path in paths for found, _, _ in os.walk(path))
    asked = [] if whole or "." in there else ["--", *there]
    data = _git(top, revision, "archive", "--format=tar", known, *asked)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(target, filter="data")
    return [str(target / each) for each in there if (target / each).exists()]


def _folder(path: str) -> str:
    """The nearest folder of a path that exists."""
    found = Path(path if path != "-" else ".").resolve()
    while not found.is_dir():
        found = found.parent
    return str(found)


def _git(folder: str, revision: str, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments],
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise RevisionError(f"{revision}: git {arguments[0]} cannot be run: {error}") from error
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())
        what = "no such file, and no revision of the git repository" if "--verify" in arguments else said
        if "not a git repository" in said:
            what = "no such file, and no revision either: the paths are in no git repository"
        raise RevisionError(f"{revision}: {what or 'git refuses'}")
    return done.stdout
