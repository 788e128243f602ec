"""Settings of a project: ``kubelogic.toml``, or ``[tool.kubelogic]`` in ``pyproject.toml``."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from kubelogic.patterns import regex
from kubelogic.text import characters
from kubelogic.text.location import Fault, InputError, Location
from kubelogic.text.sources import file_bytes

FILES = ("kubelogic.toml", "pyproject.toml")
CODE = "KL147"

_OBJECT = regex(r"[A-Z][A-Za-z0-9]*/(?:[^/\s]+/)?[^/\s]+")
"""An object that the cluster has: its kind, perhaps its namespace, its name."""

_HEADER = regex(r"\s*\[\s*([^\[\]]+?)\s*\]")
"""The header of a table."""

_POSITION = regex(r"\(at line (\d+), column (\d+)\)")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a project has settled for ``kubelogic check``; what is empty or None was left open.

    Attributes:
        file: the file, as it is shown; empty if there is none.
        folder: where the file is; its paths are relative to it.
        paths: what to check if nothing is typed.
        nodes: nodes to add, as ``--nodes`` takes them.
        base: dumps and revisions to compare with.
        exclude: shell patterns of what to leave out of directories.
        fail_on: the least severity that fails.
        show: the least severity that text shows.
        select: prefixes of codes to tell.
        ignore: prefixes of codes to leave out.
        exists: objects that the cluster has although the input has not.
        rules: directories of further rules.
        parameters: rule parameters (the table ``set``), as pairs.
        set_at: where each of them is written.
        scheduler: ``optimal`` or ``kube``.
        namespace: of objects that name none.
        timeout: seconds for each solve.
        horizon: simulated time to look ahead, as ``--horizon`` takes it.
        strict: whether a key that is there twice is refused.
        keep_going: whether what the API server would refuse is left out.
        scheduler_config: the file of the scheduler's configuration.
    """

    file: str = ""
    folder: Path = msgspec.field(default_factory=Path)
    paths: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    base: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fail_on: str | None = None
    show: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exists: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    parameters: tuple[tuple[str, int | str], ...] = ()
    set_at: Mapping[str, Location] = msgspec.field(default_factory=dict)
    scheduler: str | None = None
    namespace: str | None = None
    timeout: float | None = None
    horizon: str | None = None
    strict: bool = False
    keep_going: bool = False
    scheduler_config: str | None = None


Check = Callable[[str, Path], str]
"""Says what is wrong with a text that is set, given the folder of the settings; nothing if it is right."""

_CODES = ("select", "ignore")
_LISTS = ("paths", "nodes", "base", "exclude", "select", "ignore", "exists", "rules")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "fail-on": ("error", "warning", "note", "never"),
    "show": ("error", "warning", "note"),
    "scheduler": ("optimal", "kube"),
}
_FLAGS = ("strict", "keep-going")
_TEXTS = ("namespace", "scheduler-config")
_KEYS = (*_LISTS, *_CHOICES, *_FLAGS, *_TEXTS, "horizon", "set", "timeout")


def find(start: Path) -> Path | None:
    """The nearest file with settings, from a folder up to the root of its repository; None if there is none.

    A ``pyproject.toml`` counts if it has a table ``tool.kubelogic``. A ``kubelogic.toml`` that cannot be read, such as
    a link to nothing or a file in a folder that may be listed and not searched, counts too: to go on without the
    settings would answer another question.
    """
    for folder in (start, *start.parents):
        for name in FILES:
            path = folder / name
            if _is_there(path) if name == FILES[0] else os.path.isfile(path) and _has_table(path):
                return path
        if os.path.exists(folder / ".git"):
            return None
    return None


def _is_there(path: Path) -> bool:
    try:
        os.lstat(path)
    except PermissionError:  # the folder may not be searched: what is in it may still be listed
        try:
            return path.name in os.listdir(path.parent)
        except OSError:
            return False
    except OSError:
        return False
    return True


def _has_table(path: Path) -> bool:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        return True  # it is read, and told, later
    except ValueError:
        return "[tool.kubelogic" in path.read_bytes().decode("utf-8", "replace")  # this too
    tools = tree.get("tool")
    return isinstance(tools, dict) and "kubelogic" in tools


class FaultySettingsError(InputError):
    """Settings cannot be used; ``rest`` has those of them in which no fault was found."""

    def __init__(self, faults: Iterable[Fault], rest: Settings) -> None:
        super().__init__(faults)
        self.rest = rest


def read(name: str | None, checks: Mapping[str, Check] | None = None) -> Settings:
    """The settings in a file; those that leave everything open for None.

    Args:
        name: of the file.
        checks: what else is asked of each text that is set, by key.

    Raises:
        FaultySettingsError: with everything that is wrong with it.
        InputError: if it cannot be read.
    """
    if name is None:
        return Settings()
    try:
        data = file_bytes(name)
        text = characters.as_utf8(data).decode()
    except characters.EncodingError as error:
        shown = data.decode("utf-8", "replace")
        raise InputError([_fault(name, error.line, error.column, shown, f"cannot be read: {error}")]) from error
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError([_fault(name, 0, 0, "", f"cannot be read: {why}")]) from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _POSITION.search(str(error))
        lines = text.splitlines()  # without a place: at the end of the document
        line, column = (int(found[1]), int(found[2])) if found else (len(lines), len(lines[-1]) + 1 if lines else 0)
        said = _POSITION.sub("", str(error)).strip()
        raise InputError(
            [_fault(name, line, column, text, f"this is no TOML: {said[:1].lower()}{said[1:]}")]
        ) from error
    if Path(name).name == "pyproject.toml":
        tools = tree.get("tool")
        own = tools.get("kubelogic", {}) if isinstance(tools, dict) else {}
        if not isinstance(own, dict):
            message = f"tool.kubelogic is a table of settings, not {own!r}"
            raise InputError([_fault(name, *_place(text, "kubelogic"), text, message)])
        tree = own
    told = list(_faults(name, text, tree, checks or {}))
    if not told:
        return _made(name, text, tree)
    wrong = {key for key, inner, _ in told if not inner}
    kept = {key: value for key, value in tree.items() if key in _KEYS and key not in wrong}
    inside = {inner for _, inner, _ in told if inner}
    if "set" in kept:
        kept["set"] = {name: value for name, value in kept["set"].items() if name not in inside}
    raise FaultySettingsError([fault for _, _, fault in told], _made(name, text, kept))


def _made(name: str, text: str, tree: Mapping[str, Any]) -> Settings:
    """The settings of a table without faults."""
    given: dict[str, Any] = {each: tuple(_entries(each, tree.get(each, ()))) for each in _LISTS}
    given |= {each.replace("-", "_"): tree.get(each) for each in (*_CHOICES, *_TEXTS, "timeout")}
    given |= {each.replace("-", "_"): tree.get(each, False) for each in _FLAGS}
    given["horizon"] = None if "horizon" not in tree else str(tree["horizon"])
    known = set(Settings.__struct_fields__)
    assert set(given) <= known
    parameters = tuple((tree.get("set") or {}).items())
    places = {each: _place_in_set(text, each) for each, _ in parameters}
    return Settings(
        file=name,
        folder=Path(name).resolve().parent,
        parameters=parameters,
        set_at={each: Location(file=name, line=line, column=column) for each, (line, column) in places.items()},
        **given,
    )


def faulty(settings: Settings, messages: Iterable[tuple[str, str]]) -> InputError:
    """What turned out to be wrong with settings once they were used.

    Args:
        settings: from a file.
        messages: the key at fault, or the name of a parameter in the table ``set``, and what is wrong.
    """
    text = file_bytes(settings.file).decode("utf-8-sig")
    faults = []
    for key, message in messages:
        at = settings.set_at.get(key)
        line, column = (at.line, at.column) if at is not None else _place(text, key)
        faults.append(_fault(settings.file, line, column, text, message))
    return InputError(faults)


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _entries(key: str, value: Any) -> list[str]:
    """The texts of a list; codes may be divided by commas, as on the command line."""
    texts = _as_list(value)
    return [code for each in texts for code in re.split(r"\s*,\s*", each) if code] if key in _CODES else texts


def _faults(
    name: str, text: str, tree: Mapping[str, Any], checks: Mapping[str, Check]
) -> Iterator[tuple[str, str, Fault]]:
    """What is wrong: the key at fault, for the table ``set`` the parameter in it, and the fault."""
    folder = Path(name).resolve().parent
    for key, value in tree.items():
        line, column = _place(text, key)
        texts = [each for each in _as_list(value) if isinstance(each, str)] if isinstance(value, list | str) else []
        if key in _KEYS and "" in texts:
            yield (
                key,
                "",
                _fault(name, line, column, text, f"a text of {key} is empty; leave it out, or say what it is"),
            )
        if key in checks:
            asked = [str(value)] if key == "horizon" else filter(None, texts)
            found = [checks[key](each, folder) for each in asked]
            yield from ((key, "", _fault(name, line, column, text, f"{key}: {wrong}")) for wrong in found if wrong)
        if key == "tool" and Path(name).name == FILES[0]:
            message = "the tables [tool...] belong to pyproject.toml; in kubelogic.toml the keys stand in no table"
            yield key, "", _fault(name, line, column, text, message)
        elif key not in _KEYS:
            near = difflib.get_close_matches(key.replace("_", "-"), _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(_KEYS))}"
            yield key, "", _fault(name, line, column, text, f"unknown key {key}; {hint}")
        elif key in _LISTS:
            if not isinstance(value, list | str) or not all(isinstance(each, str) for each in _as_list(value)):
                yield key, "", _fault(name, line, column, text, f"{key} is a list of texts, not {value!r}")
            elif key == "exists":
                for each in _as_list(value):
                    if not _OBJECT.fullmatch(each):
                        message = (
                            f"exists takes Kind/name or Kind/namespace/name, such as Secret/shop/keys, not {each!r}"
                        )
                        yield key, "", _fault(name, line, column, text, message)
        elif key in _CHOICES:
            if value not in _CHOICES[key]:
                near = difflib.get_close_matches(str(value), _CHOICES[key], n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                yield (
                    key,
                    "",
                    _fault(
                        name, line, column, text, f"{key} is one of {', '.join(_CHOICES[key])}, not {value!r}{hint}"
                    ),
                )
        elif key == "set":
            if not isinstance(value, dict):
                yield (
                    key,
                    "",
                    _fault(name, line, column, text, "set is a table of parameters: numbers or texts by name"),
                )
                continue
            for inner, each in value.items():
                if isinstance(each, bool) or not isinstance(each, int | str):
                    message = f"{inner} is set to a number or a text, not to {each!r}"
                    yield key, inner, _fault(name, *_place_in_set(text, inner), text, message)
        elif key == "timeout":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
                yield (
                    key,
                    "",
                    _fault(name, line, column, text, f"timeout is a number of seconds above 0, not {value!r}"),
                )
        elif key in _FLAGS:
            if not isinstance(value, bool):
                yield key, "", _fault(name, line, column, text, f"{key} is true or false, not {value!r}")
        elif key == "horizon":
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                yield key, "", _fault(name, line, column, text, f'horizon is a time such as 90 or "10m", not {value!r}')
        elif not isinstance(value, str):
            yield key, "", _fault(name, line, column, text, f"{key} is a text, not {value!r}")


def _place(text: str, key: str) -> tuple[int, int]:
    """Where a key is written: in a table of kubelogic if there are several of that name."""
    name = rf"[\"']?{re.escape(key)}[\"']?\s*"
    pattern = re.compile(rf"\s*{name}[=.]|\s*\[+\s*(?:tool\s*\.\s*kubelogic\s*\.\s*)?{name}[\].]")
    inside = "[tool.kubelogic" not in text
    for number, line in enumerate(text.splitlines(), 1):
        if "[tool.kubelogic" in text and line.lstrip().startswith("["):
            inside = line.lstrip().startswith("[tool.kubelogic")
        if inside and (pattern.match(line)):
            return number, len(line) - len(line.lstrip()) + 1
    return 0, 0


def _place_in_set(text: str, name: str) -> tuple[int, int]:
    """Where a parameter is set: a line of the table ``set``, a dotted key, or within one that stands in one line."""
    key = rf"([\"']?{re.escape(name)}[\"']?\s*[=.])"
    top = "tool.kubelogic" if "[tool.kubelogic" in text else ""
    inner = f"{top}.set".removeprefix(".")
    patterns = {inner: rf"\s*{key}", top: rf"\s*[\"']?set[\"']?\s*(?:\.\s*|=.*?[{{,]\s*){key}"}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        table = header[1].replace(" ", "") if header else table
        if header and table == f"{inner}.{name}":
            return number, header.start(1) + 1
        if not header and table in patterns and (found := re.match(patterns[table], line)):
            return number, found.start(1) + 1
    return _place(text, "set")


def _fault(name: str, line: int, column: int, text: str, message: str) -> Fault:
    lines = text.splitlines()
    excerpt = lines[line - 1] if 0 < line <= len(lines) else ""
    place = Location(file=name, line=line, column=column)
    return Fault(location=place, code=CODE, message=message, excerpt=excerpt, caret=column)
