"""Manifests as they were at a revision of a git repository.

Files are written below a folder of their own, since what is rendered needs them there, and are named as git names
them: ``HEAD~1:k8s/web.yaml``. They are those of the commit, whatever attributes say of archives; what git does to files
on their way to a working tree (line ends, decryption) is done to these as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kubelogic.text import rendering, sources
from kubelogic.text.archives import sources_of
from kubelogic.text.characters import Excerpt
from kubelogic.text.location import Fault, Location
from kubelogic.text.location import Path as FieldPath
from kubelogic.text.origin import ItemOrigin
from kubelogic.text.sources import Authors, Source

_PATIENCE = 60
"""Seconds that git may take."""
_LINK, _SUBMODULE = "120000", "160000"
_RENDERED = frozenset({*rendering.KUSTOMIZATIONS, rendering.CHART})
_DEEPEST = 20
"""Submodules within submodules."""


class RevisionError(Exception):
    """A revision that is none, or files that it cannot be asked for; the text says which and why."""


class _Names(msgspec.Struct, frozen=True, kw_only=True):
    """What files below a folder are called."""

    folder: str
    called: str

    def shown(self, text: str) -> str:
        """A text with their names instead of their places."""
        return text.replace(f"{self.folder}/", self.called).replace(self.folder, self.called)

    def given(self, read: Source | Fault) -> Source | Fault:
        """What was read of a file, under its name."""
        if isinstance(read, Source):
            by = None if read.authored is None else _Renamed(read.authored, self)
            return Source(name=self.shown(read.name), data=read.data, authored=by)
        place = replace(read.location, file=self.shown(read.location.file))
        return replace(read, location=place, message=self.shown(read.message))


class _Renamed:
    """Whoever knows where something was written, with the names of the files there."""

    def __init__(self, authors: Authors, names: _Names) -> None:
        self._authors, self._names = authors, names
        self._real: dict[str, str] = {}

    def locate(self, origin: ItemOrigin, path: FieldPath, rendered: Location, *, key: bool) -> Location:
        """See ``Authors``."""
        found = self._authors.locate(origin, path, rendered, key=key)
        shown = replace(found, file=self._names.shown(found.file), written=self._names.shown(found.written))
        self._real[shown.file] = found.file
        return shown

    def excerpt(self, location: Location) -> Excerpt:
        """See ``Authors``."""
        return self._authors.excerpt(replace(location, file=self._real[location.file]))


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A file or link of a commit.

    Attributes:
        mode: ``120000`` of links.
        oid: of what it holds.
        path: from the top of the repository that is asked.
        home: the working tree of the repository that has it: that one, or one of its submodules.
        inner: its path from there.
    """

    mode: str
    oid: str
    path: str
    home: str
    inner: str


def expect_revision(paths: Sequence[str], revision: str) -> None:
    """Refuse what is no revision of the repository of some files.

    Raises:
        RevisionError: if there is no git, no repository or no such revision.
    """
    _found(paths, revision)


def _found(paths: Sequence[str], revision: str) -> tuple[str, str, list[str]]:
    """The top of the repository, the commit, and the paths as seen from there."""
    if not revision:
        raise RevisionError("'': the name is empty")
    if shutil.which("git") is None:
        raise RevisionError(f"{revision}: there is no such file, and git is not installed")
    if "-" in paths:
        raise RevisionError(f"{revision}: standard input has no earlier version; name files of a repository")
    folder = _folder(paths[0]) if paths else "."
    top = _git(folder, revision, "rev-parse", "--show-toplevel").decode().removesuffix("\n")
    commit = _commit(top, revision)
    inside = []
    for path in paths:
        relative = os.path.relpath(os.path.realpath(path), os.path.realpath(top))
        if relative.startswith(".."):
            raise RevisionError(f"{revision}: {path} is not in the repository {top}, so there is no earlier version")
        inside.append(relative)
    return top, commit, inside


def at_revision(
    paths: Sequence[str], revision: str, target: Path, *, exclude: Iterable[str] = ()
) -> list[Source | Fault]:
    """What files held at a revision, without those that were not there.

    Args:
        paths: files and folders of one repository.
        revision: whatever git takes for a commit.
        target: an empty folder, which has to stay for as long as places are asked for.
        exclude: shell patterns of what to leave out of folders.

    Raises:
        RevisionError: if there is no git, no repository or no such revision.
    """
    top, commit, inside = _found(paths, revision)
    entries = _entries(top, revision, commit, inside)
    # What is rendered, and what links lead to, may be in other folders of the repository.
    if any(each.mode == _LINK or os.path.basename(each.path) in _RENDERED for each in entries) or any(
        map(rendering.chart_of, paths)
    ):
        entries = _entries(top, revision, commit, ["."])
    _write(top, revision, entries, target)
    there = [str(target / each) for each in inside if os.path.lexists(target / each)]
    names = _Names(folder=str(target), called=f"{revision}:")
    found, faults = sources.find(there, exclude=exclude)
    read = (each for name in found for each in sources_of(name, None))
    return [names.given(each) for each in (*faults, *read)]


def _commit(top: str, revision: str) -> str:
    """The commit that a revision means."""
    asked = "rev-parse", "--verify", "--quiet", "--end-of-options"
    try:
        found = _git(top, revision, *asked, revision).decode().strip()
        return _git(top, revision, *asked, f"{found}^{{commit}}").decode().strip()
    except RevisionError as error:
        if _git(top, revision, "rev-parse", "--is-shallow-repository").strip() != b"true":
            raise
        hint = "this clone is shallow: git fetch --unshallow (fetch-depth: 0 in CI) gets what came before"
        raise RevisionError(f"{error}; {hint}") from error


def _entries(top: str, revision: str, commit: str, paths: Sequence[str], depth: int = 0) -> list[_Entry]:
    """What a commit holds below some paths, that of its submodules included."""
    asked = [] if "." in paths else ["--", *paths]
    listed = _git(top, revision, "ls-tree", "-r", "-z", "--full-tree", commit, *asked)
    found: list[_Entry] = []
    for line in listed.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        about, path = line.split("\t", 1)
        mode, _, oid = about.split()
        if not {"", ".", "..", ".git"}.isdisjoint(path.split("/")):
            raise RevisionError(f"{revision}: {path!r} is no path of a working tree")
        if mode == _SUBMODULE:
            found.extend(_of_submodule(top, revision, path, oid, depth))
        else:
            found.append(_Entry(mode=mode, oid=oid, path=path, home=top, inner=path))
    return found


def _of_submodule(top: str, revision: str, path: str, commit: str, depth: int) -> Iterator[_Entry]:
    inner = os.path.join(top, path)
    try:
        if depth > _DEEPEST or not os.path.isdir(inner):
            raise RevisionError(path)
        _commit(inner, commit)
    except RevisionError as error:
        message = f"the submodule {path} is not there at {commit[:12]}: git submodule update --init --recursive gets it"
        raise RevisionError(f"{revision}: {message}") from error
    for each in _entries(inner, revision, commit, ["."], depth + 1):
        yield replace(each, path=f"{path}/{each.path}")


def _write(top: str, revision: str, entries: Sequence[_Entry], target: Path) -> None:
    """Write files below a folder, then links, so that nothing is written through one."""
    homes: dict[str, list[_Entry]] = {}
    for each in entries:
        homes.setdefault(each.home, []).append(each)
    links: list[tuple[Path, str]] = []
    for home, inside in homes.items():
        for each, data in zip(inside, _contents(home, revision, inside), strict=True):
            place = target / each.path
            place.parent.mkdir(parents=True, exist_ok=True)
            if each.mode == _LINK:
                links.append((place, os.fsdecode(data)))
            else:
                place.write_bytes(data)
    for place, leads in links:
        there = os.path.normpath(os.path.join(top, os.path.relpath(place.parent, target), leads))
        outside = os.path.relpath(there, top).startswith("..")
        place.symlink_to(there if outside else os.path.relpath(target / os.path.relpath(there, top), place.parent))


def _contents(home: str, revision: str, entries: Sequence[_Entry]) -> Iterator[bytes]:
    """What files hold, as git would write them to a working tree; of links, where they lead."""
    asked = []
    for each in entries:
        if "\n" in each.inner:
            raise RevisionError(f"{revision}: {each.path!r} has a line break in its name")
        asked.append(f"{each.oid} {each.inner}\n")
    data = _git(home, revision, "cat-file", "--batch", "--filters", given="".join(asked))
    position = 0
    for each in entries:
        end = data.index(b"\n", position)
        _, kind, size = data[position:end].split()
        if kind != b"blob":
            raise RevisionError(f"{revision}: {each.path} is not in this repository")
        position = end + 1 + int(size)
        yield data[end + 1 : position]
        position += 1


def _folder(path: str) -> str:
    """The nearest folder of a path that exists."""
    found = Path(path).resolve()
    while not os.path.isdir(found):
        found = found.parent
    return str(found)


@cache
def _own_variables() -> frozenset[str]:
    """The variables that say which repository is meant. Hooks have them; here the paths say it."""
    listed = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, check=False, text=True)
    return frozenset(listed.stdout.split())


def _git(folder: str, revision: str, *arguments: str, given: str = "") -> bytes:
    try:
        done = subprocess.run(
            ["git", "--literal-pathspecs", "-C", folder, *arguments],
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
            input=os.fsencode(given),
            env={**{key: value for key, value in os.environ.items() if key not in _own_variables()}, "LC_ALL": "C"},
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
