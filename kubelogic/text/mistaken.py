"""Files that are no manifests although they look a little like it: what they are, in words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from kubelogic.patterns import regex

_SAID_BY_KUBECTL = regex(
    rb"(?:---\s*)?((?:Error from server|Unable to connect to the server|The connection to the server|error:|Error:"
    rb"|No resources found|You must be logged in|couldn't get|E\d{4} )[^\n]*)"
)
_BESIDES = regex(rb"^(?:(?:Warning|error|Error): |Error from server|[IWEF]\d{4} \d\d:\d\d:\d\d)[^\n]*", re.MULTILINE)
"""What kubectl writes to standard error beside manifests: warnings, errors, and lines of its log."""
_DESCRIBED = regex(rb"Name: {2,}\S+[ \t]*\n(?:[A-Z][\w ]*:[^\n]*\n){2}")
"""How kubectl describe begins, with values in a column of their own."""
_TABLE = regex(rb"(?:NAMESPACE +)?NAME +(?:READY|STATUS|DATA|TYPE|AGE|DESIRED|SCHEDULE|COMPLETIONS|PROVISIONER)\b")
_STARTS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (regex(rb"```"), "this is a block of Markdown: take the lines of ``` out"),
    (regex(rb"[^\n]*\$ (?:kubectl|oc|k|cat|helm) "), "this begins with what was typed at a prompt: take that line out"),
    (
        regex(rb"<(?:!doctype html|html)\b", re.IGNORECASE),
        "this is a page of HTML (of an error or a login?), not manifests",
    ),
    (regex(rb"diff --git |--- \S+[^\n]*\n\+\+\+ "), "this is a diff, not manifests"),
)
"""How texts begin that are none of kubectl's, and what they are."""
_MERGE = regex(rb"^(?:<{7} |={7}\r?$|>{7} )", re.MULTILINE)
_INDENT = regex(rb"( *)(?![ #\r]|$|---)")
"""What a line with something of its own begins with."""
_DASH = regex(rb"- +(?=\S)")
_NO_SPACE = regex(rb" *-[A-Za-z]\w*:(?: |\r?$)")
_LONG_KEY = regex(rb"[^\s'\"{\[#&*!|>][^:]{1024,}: ")
_TWO_COLONS = regex(rb"[^\s'\"{\[#&*!|>][^:#]*: +[^\s'\"{\[#&*!|>][^#]*:(?: |\r?$)")
_OF_HELM = regex(rb"\{\{-?[^}]*(?:\.Values\b|\.Release\b|\.Chart\b|\.Capabilities\b|\binclude |\bdefine )")
_OF_SHELL = regex(r"\$\{[A-Za-z_][^}]*\}|\$[A-Za-z_]\w*")
_PLACEHOLDERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (regex(r"\{\{.*\}\}|\{%.*%\}", re.DOTALL), "a template that was never rendered"),
    (
        regex(r"\$\([A-Za-z_][\w.-]*\)|\$\{\{|%%\w+%%|@@?[A-Z_]{2,}@@?|<[A-Za-z][\w .-]*>|__[A-Z][A-Z_]*__|\[\[.*\]\]"),
        "a placeholder that was never filled in",
    ),
)
"""What values look like that some tool replaces before they are applied, and what they are."""
_OWN_MESSAGE = "this is a message of kubectl's own, as from 2>&1: leave that out, or take the line out"
_VALUES = "a values file of a Helm chart: it is no manifest, the chart makes them"
_BY_FIELDS: tuple[tuple[set[str], set[str], str], ...] = (
    ({"services"}, {"version", "networks", "volumes"}, "a Docker Compose file"),
    ({"services"}, set(), "a Docker Compose file"),
    ({"releases"}, set(), "a helmfile, which has to be rendered: helmfile template | kubelogic plan -"),
    ({"op", "path"}, set(), "a JSON patch, which changes an object and is none: kubectl patch --local makes one of it"),
    ({"type", "object"}, set(), "an event of a watch: print the objects without --output-watch-events"),
    ({"on", "jobs"}, set(), "a GitHub workflow"),
    ({"true", "jobs"}, set(), "a GitHub workflow"),
    ({"stages"}, set(), "a GitLab pipeline"),
    ({"resources"}, {"namespace", "patches", "images", "namePrefix", "commonLabels", "bases"}, "a Kustomize file"),
    ({"replicaCount"}, set(), _VALUES),
    ({"image"}, {"service", "ingress", "resources"}, _VALUES),
    ({"openapi"}, set(), "a description of an HTTP API"),
    ({"horizon", "steps"}, set(), "a scenario: give it with simulate --scenario"),
    ({"steps"}, set(), "a scenario or a pipeline; a scenario is given with simulate --scenario"),
)
_CONFIGURATIONS = {
    "kind.x-k8s.io": "a configuration of kind",
    "k3d.io": "a configuration of k3d",
    "kubescheduler.config.k8s.io": "a configuration of kube-scheduler",
    "kubelet.config.k8s.io": "a configuration of the kubelet",
    "kubeproxy.config.k8s.io": "a configuration of kube-proxy",
    "kubecontrollermanager.config.k8s.io": "a configuration of kube-controller-manager",
    "controllermanager.config.k8s.io": "a configuration of controllers",
    "kubeadm.k8s.io": "a configuration of kubeadm",
    "apiserver.config.k8s.io": "a configuration of kube-apiserver",
    "apiserver.k8s.io": "a configuration of kube-apiserver",
    "audit.k8s.io": "a configuration of kube-apiserver",
    "eksctl.io": "a configuration of eksctl",
    "skaffold": "a configuration of Skaffold",
    "client.authentication.k8s.io": "a configuration of kubectl",
    "kubectl.config.k8s.io": "a configuration of kubectl",
    "kustomize.config.k8s.io": "a file of Kustomize",
    "config.kubernetes.io": "a file of Kustomize",
}


def of_text(data: bytes) -> str:
    """What a text is that kubectl printed instead of manifests; empty if it is none.

    >>> of_text(b'Error from server (NotFound): pods "web" not found')
    'this is what kubectl said, not manifests: Error from server (NotFound): pods "web" not found'
    """
    start = data.lstrip()[:400]
    if match := _SAID_BY_KUBECTL.match(start):
        return f"this is what kubectl said, not manifests: {match[1].decode('utf-8', 'replace').strip()}"
    if _TABLE.match(start):
        return "this is a table of kubectl, not manifests: print it with -o yaml"
    if _DESCRIBED.match(start):
        return "this is what kubectl describe prints for people, not manifests: kubectl get prints them with -o yaml"
    if _MERGE.search(data):
        return "a merge was not finished here: git marks both sides by <<<<<<<, ======= and >>>>>>>"
    return next((what for pattern, what in _STARTS if pattern.match(start)), "")


def of_line(data: bytes) -> tuple[int, str] | None:
    """The first line of a text that kubectl wrote to standard error, with its number (from 0), in words.

    >>> of_line(b"kind: Pod\\nWarning: it is deprecated\\n")
    (1, "this is a message of kubectl's own, as from 2>&1: leave that out, or take the line out")
    """
    found = _BESIDES.search(data)
    return (data.count(b"\n", 0, found.start()), _OWN_MESSAGE) if found else None


def of_key(key: str, value: Any) -> str:
    """What a key at the left margin is that kubectl wrote to standard error; empty if it is none of those."""
    line = f"{key}: {value if isinstance(value, str) else ''}"
    return _OWN_MESSAGE if _BESIDES.match(line.encode("utf-8", "replace")) else ""


def of_value(value: Any, file: str) -> str:
    """What a text is that a tool should have replaced before; empty if it looks like no such thing.

    >>> of_value("${REPLICAS}", "web.yaml")
    'a variable that was never filled in: envsubst < web.yaml | kubelogic plan -'
    >>> of_value("web-1", "web.yaml"), of_value("$5", "web.yaml")
    ('', '')
    """
    text = value if isinstance(value, str) else ""
    if _OF_SHELL.search(text):
        return f"a variable that was never filled in: envsubst < {shlex.quote(file)} | kubelogic plan -"
    return next((what for pattern, what in _PLACEHOLDERS if pattern.search(text)), "")


def misindented(data: bytes, number: int) -> str:
    """Why a line of YAML stands at no level: what it is indented by, and the lines above it; empty if it does.

    Args:
        data: the text.
        number: of the line, from 0.

    >>> misindented(b"a:\\n  - b: 1\\n   c: 2\\n", 2)
    'this line is indented by 3, lines above it by 2 and 4'
    >>> misindented(b"a:\\n  b: 1\\n    c: 2\\n", 2)
    'this line is indented by 4, and the line above it, which has its value, by 2'
    >>> misindented(b"a:\\n  - b\\n  c: 2\\n", 2)
    'this line is indented by 2, as the dashes of the list above it, whose key in line 1 is indented by 0'
    >>> misindented(b"a:\\n  b: 1\\n  c: d: 2\\n", 2)
    'a value with a colon and a space in it needs quotes'
    >>> misindented(b"a:\\n  " + b"b" * 1025 + b": 1\\n", 1)
    'a key of more than 1,024 characters needs "? " before it'
    """
    lines = data.split(b"\n")[: number + 1]
    mine = _levels(lines[-1])
    if len(lines) <= number or not mine:
        return ""
    entry = lines[-1][mine[-1] :]
    if _LONG_KEY.match(entry):
        return 'a key of more than 1,024 characters needs "? " before it'
    if _TWO_COLONS.match(entry):
        return "a value with a colon and a space in it needs quotes"
    open_: list[int] = []
    for line in reversed(lines[:-1]):
        open_ += [level for level in reversed(_levels(line)) if not open_ or level < open_[-1]]
    here = mine[0]
    if not open_ or here in open_:
        return _beside_dashes(lines, here)
    if here > open_[0] and _NO_SPACE.match(lines[-2]):
        return "the line above has no space after its dash"
    if here > open_[0]:
        return f"this line is indented by {here}, and the line above it, which has its value, by {open_[0]}"
    around = [max(filter(here.__gt__, open_), default=None), min(filter(here.__lt__, open_))]
    return f"this line is indented by {here}, lines above it by {' and '.join(str(x) for x in around if x is not None)}"


def _beside_dashes(lines: Sequence[bytes], here: int) -> str:
    """Why the last line cannot stand where it does, if it has no dash and the lines at its level above it have one."""
    if _DASH.match(lines[-1][here:]):
        return ""
    dashes = False
    for number, line in reversed(list(enumerate(lines[:-1], 1))):
        levels = _levels(line)
        if levels and levels[0] < here:
            key = f"whose key in line {number} is indented by {levels[0]}"
            return f"this line is indented by {here}, as the dashes of the list above it, {key}" if dashes else ""
        dashes = dashes or (bool(levels) and levels[0] == here and len(levels) > 1)
    return ""


def _levels(line: bytes) -> list[int]:
    """The columns at which entries begin in a line: its own, and those after each dash."""
    match = _INDENT.match(line)
    if match is None:
        return []
    found = [len(match[1])]
    rest = line[found[0] :]
    while dash := _DASH.match(rest):
        found.append(found[-1] + len(dash[0]))
        rest = rest[len(dash[0]) :]
    return found


def of_template(text: bytes, file: str) -> str:
    """What a text with ``{{`` in it is, that is no YAML as it stands."""
    if _OF_HELM.search(text):
        chart = _chart_of(file)
        return f"a template of a Helm chart that was never rendered: helm template {chart} | kubelogic plan -"
    return "a template that was never rendered"


def _chart_of(file: str) -> str:
    """The folder of the chart that a file is a template of, as far as its name tells."""
    before, found, _ = f"/{file}".rpartition("/templates/")
    return shlex.quote(before[1:] or ".") if found else "CHART"


def of_fields(tree: Mapping[str, Any]) -> str:
    """What a mapping without apiVersion and kind most likely is; empty if nothing is known of it."""
    fields = {str(key) for key in tree}
    for needed, others, what in _BY_FIELDS:
        if needed <= fields and (not others or others & fields):
            return f"this looks like {what}"
    return ""


def of_answer(document: Mapping[str, Any]) -> str:
    """What a document is that the API server answers with in place of objects; empty if it is none.

    >>> of_answer({"apiVersion": "v1", "kind": "Status", "message": "Unauthorized", "code": 401})
    'this is an answer of the API server and no object: Unauthorized'
    """
    kind = document.get("kind")
    if kind not in _ANSWERS:
        return ""
    group = str(document.get("apiVersion")).partition("/")[0]
    if (group, kind) == ("v1", "Status"):
        said = document.get("message") or document.get("reason") or document.get("status") or "it says nothing"
        return f"this is an answer of the API server and no object: {said}"
    return _ANSWERS[kind] if group == "meta.k8s.io" else ""


_METADATA = "this is the metadata of objects alone: print them whole (-o yaml)"
_ANSWERS = {
    "Status": "",
    "Table": "this is a table as kubectl get shows it: print the objects themselves (-o yaml)",
    "PartialObjectMetadata": _METADATA,
    "PartialObjectMetadataList": _METADATA,
}
"""Kinds of answers, and what those of meta.k8s.io are."""


def of_kind(api_version: str, kind: str) -> str:
    """What a kind is that is no object of a cluster, but the configuration of a tool; empty if it is none.

    >>> of_kind("v1", "Config")
    'a kubeconfig: it says how to reach a cluster and holds no objects'
    """
    if (api_version, kind) == ("v1", "Config"):
        return "a kubeconfig: it says how to reach a cluster and holds no objects"
    return _CONFIGURATIONS.get(api_version.partition("/")[0], "")
