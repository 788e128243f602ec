"""Folders that have to be rendered before there is anything to apply: Kustomize folders and Helm charts.

They are rendered by the tools that are made for it, where those are on the PATH; else the command to type is told.
What is in such a folder is never read as it stands: it is not what would be applied.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Sequence

from kubelogic.patterns import regex

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What the file is called that makes a folder one of Kustomize."""
CHART = "Chart.yaml"
_LOGGED = regex(r'[EFIW]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] "[^"]*" err=(?:"(.*)"|< ?(.*?) ?>)$')
"""A line that klog writes of an error. Source: component-base/cli/run.go, Run."""
_COMPONENT = regex(rb"^kind: *[\"']?Component\b", re.MULTILINE)
_IS_COMPONENT = "Kustomize component, which is a part of others: name the folder whose kustomization lists it"
_IS_LIBRARY = "Helm library chart, which makes nothing by itself: name a chart that depends on it"
_IS_INFLATED = "Kustomize folder that fetches charts of Helm, which is only done where it is asked for"
_INFLATES = regex(rb"^helmCharts(?:InflationGenerator)?:|^helmChartInflationGenerator:", re.MULTILINE)
_LIBRARY = regex(rb"^type: *[\"']?library\b", re.MULTILINE)
_PACKED = (".tgz", ".tar.gz")
_HEAD = 65536
"""Bytes of a kustomization, a chart or an archive that are looked at."""
_PATIENCE = 60
"""Seconds that a tool may take."""


class RenderError(Exception):
    """A folder that was not rendered; the text says what it is, why not, and what to type."""


def needs_rendering(folder: str) -> bool:
    """Whether a folder is one of Kustomize, or a Helm chart."""
    return bool(_tool_for(folder)[0])


def render(folder: str) -> tuple[str, bytes]:
    """What to call the result, after the command that renders a folder, and the manifests that it makes.

    Raises:
        RenderError: if there is no tool for it here, or the tool refuses.
    """
    import shutil

    kind, commands = _tool_for(folder)
    if not commands:
        raise RenderError(f"this is a {kind}")
    if "--enable-helm" in commands[0]:
        typed = " ".join(map(shlex.quote, commands[0]))
        raise RenderError(f"this is a {kind}; type: {typed} | kubelogic plan -")
    for command in commands:
        if shutil.which(command[0]):
            return f"{folder} ({command[0]} {command[1]})", _run(kind, command)
    typed = " ".join(map(shlex.quote, commands[0]))
    raise RenderError(
        f"this is a {kind}, which has to be rendered, and {_names(commands)} is not installed here; "
        f"type: {typed} | kubelogic plan -"
    )


def _tool_for(folder: str) -> tuple[str, list[list[str]]]:
    names = set(_entries(folder))
    if found := sorted(names.intersection(KUSTOMIZATIONS)):
        said = head(os.path.join(folder, found[0]))
        if _INFLATES.search(said):
            return _IS_INFLATED, [["kubectl", "kustomize", "--enable-helm", folder]]
        kind = _IS_COMPONENT if _COMPONENT.search(said) else "Kustomize folder"
        return kind, [["kubectl", "kustomize", folder], ["kustomize", "build", folder]]
    if CHART in names:
        is_library = _LIBRARY.search(head(os.path.join(folder, CHART)))
        return (_IS_LIBRARY, []) if is_library else ("Helm chart", [["helm", "template", folder]])
    if folder.endswith(_PACKED) and _has_chart(folder):
        return "packed Helm chart", [["helm", "template", folder]]
    return "", []


def head(file: str) -> bytes:
    """The first bytes of a file that says how to render a folder; none if it cannot be read."""
    try:
        with open(file, "rb") as opened:
            return opened.read(_HEAD)
    except OSError:
        return b""  # told where the folder is rendered


def _has_chart(archive: str) -> bool:
    """Whether an archive begins as one that helm package makes: the chart's own file is among the first."""
    import io
    import tarfile
    import zlib

    try:
        start = zlib.decompressobj(31).decompress(head(archive), _HEAD)
        with tarfile.open(fileobj=io.BytesIO(start), mode="r:") as members:
            return any(member.name.split("/")[1:] == [CHART] for member in members)
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError):
        return False  # told where the archive is read


def chart_of(folder: str) -> str:
    """The chart that a folder holds the templates of; empty if it holds none."""
    above, name = os.path.split(os.path.abspath(folder))
    if name != "templates" or CHART not in _entries(above):
        return ""
    shown = os.path.split(folder.rstrip("/"))[0]
    return shown or ("." if folder.rstrip("/") == "templates" else above)


def _entries(folder: str) -> Sequence[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return ()  # told where the folder itself is read


def _names(commands: Sequence[Sequence[str]]) -> str:
    return " or ".join(command[0] for command in commands)


def _run(kind: str, command: Sequence[str]) -> bytes:
    import subprocess

    typed = " ".join(map(shlex.quote, command))
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=_PATIENCE, stdin=subprocess.DEVNULL, preexec_fn=_as_usual
        )
    except subprocess.TimeoutExpired as error:
        raise RenderError(f"this is a {kind}; {typed} took longer than {_PATIENCE} s") from error
    except OSError as error:
        raise RenderError(f"this is a {kind}; {typed} cannot be run: {error.strerror}") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        said = _without_log(" ".join(" ".join(each for each in lines if not each.startswith("# Warning:")).split()))
        raise RenderError(f"this is a {kind}; {typed} says: {said[:500] or _ended(done.returncode)}")
    if kind == _IS_COMPONENT and not done.stdout.strip():
        raise RenderError(f"this is a {kind}; by itself it makes nothing")
    return done.stdout


def _ended(code: int) -> str:
    """How a tool ended that said nothing.

    >>> _ended(1), _ended(-9)
    ('nothing, with exit code 1', 'nothing: signal 9 ended it')
    """
    return f"nothing: signal {-code} ended it" if code < 0 else f"nothing, with exit code {code}"


def _without_log(said: str) -> str:
    r"""What a tool says, without the head of a line of a log: its time and process differ from run to run.

    >>> _without_log('E1128 14:43:19.359218 4811 run.go:72] "command failed" err="no such file \\"a\\""')
    'no such file "a"'
    >>> _without_log('E1129 11:22:29.247199 10165 run.go:72] "command failed" err=< it has "two" lines >')
    'it has "two" lines'
    """
    head = _LOGGED.match(said)
    return said if head is None else head[2] or head[1].replace('\\"', '"')


def _as_usual() -> None:
    """Let a child hear Ctrl-C, which the main thread of the command line does not."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
