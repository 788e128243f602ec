"""A check for other programs: SARIF, JUnit, annotations of GitHub, Code Quality of GitLab."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from kubelogic import __version__
from kubelogic.logic import Rulebook
from kubelogic.patterns import regex
from kubelogic.report.codes import code_document
from kubelogic.report.terminal import visible
from kubelogic.text import Location
from kubelogic.verbs.check import Check
from kubelogic.verbs.checking.findings import Finding

_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_HOME = "https://github.com/kubelogic/kubelogic"
_NO_XML = regex("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOWHERE = "manifests"
"""What stands for the file of a finding that has none."""


def fingerprint(finding: Finding) -> str:
    """A text that stays the same as long as the finding does, wherever its lines move."""
    file = "" if finding.location is None else _file(finding.location)
    whole = "\0".join((file, *finding.identity))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _relative(file: str) -> str:
    """A file's name from the working directory on, with slashes, as services that show findings want it."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_posix() if file else ""


def _file(location: Location | None) -> str:
    """The file that somebody edits: what a tool rendered is none."""
    return _NOWHERE if location is None else _relative(location.written or location.file)


def _line(location: Location | None) -> int:
    """The line in that file; 0 if it is not known."""
    return 0 if location is None or location.written else location.line


def _place(location: Location | None) -> dict[str, Any]:
    found: dict[str, Any] = {"artifactLocation": {"uri": quote(os.fsencode(_file(location)), safe="/")}}
    if location is not None and (line := _line(location)):
        found["region"] = {"startLine": line, "startColumn": max(location.column, 1)}
    return found


def _rule(document: Mapping[str, Any] | None, code: str, level: str, helps: str) -> dict[str, Any]:
    """What SARIF says of a code: what it stands for, what it reads and what helps, and its page."""
    document = document or {"meaning": code, "sentences": [], "helps": None, "rules": []}
    meaning = str(document["meaning"])
    helps = str(document["helps"] or helps or f"kubelogic explain {code} tells more.")
    sentences = [each if each.endswith(".") else f"{each}." for each in (meaning, *document["sentences"])]
    built_in = code.startswith("KL") and all(path.startswith("rules/") for path in document["rules"])
    page = {"helpUri": f"{_HOME}/blob/main/docs/reference/codes/{code}.md"} if built_in else {}
    return {
        "id": code,
        "shortDescription": {"text": meaning},
        "fullDescription": {"text": " ".join(each[:1].upper() + each[1:] for each in sentences)},
        "help": {"text": helps},
        **page,
        "defaultConfiguration": {"level": level},
    }


def sarif(check: Check, book: Rulebook) -> dict[str, Any]:
    """The findings as a log of SARIF 2.1.0; what annotations excuse is suppressed with its reason.

    Args:
        check: what was found.
        book: the rules, which say what codes stand for.

    Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
    """
    every = [(each, "") for each in check.findings] + [(each.finding, each.reason) for each in check.ignored]
    codes = sorted({each.code for each, _ in every})
    helps = {each.code: each.helps for each, _ in reversed(every)}
    levels = {each.code: each.severity for each, _ in reversed(every)}
    results = []
    for each, reason in every:
        more = f" Tried, and it helps: {each.step}." if each.checked else f" {each.helps}" if each.helps else ""
        result: dict[str, Any] = {
            "ruleId": each.code,
            "ruleIndex": codes.index(each.code),
            "level": each.severity,
            "message": {"text": each.message + more},
            "locations": [{"physicalLocation": _place(each.location)}],
            "partialFingerprints": {"kubelogic/v1": fingerprint(each)},
        }
        if each.kind:
            name = f"{each.kind} {each.key}"
            result["locations"][0]["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "resource"}]
        if reason:
            result["suppressions"] = [{"kind": "inSource", "justification": reason}]
        results.append(result)
    rules = [_rule(code_document(book, code), code, levels[code], helps[code]) for code in codes]
    return {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "kubelogic", "version": __version__, "informationUri": _HOME, "rules": rules}
                },
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }


def junit(check: Check) -> str:
    """The findings as JUnit's XML: a suite for each file, a case for each finding; only what fails is a failure.

    A check without findings has one case, which passes.
    """
    files: dict[str, list[Finding]] = defaultdict(list)
    for each in check.findings:
        files[_file(each.location)].append(each)
    failing = {id(each) for each in check.failing}
    bad = sum(id(each) in failing or each.invalid for each in check.findings)
    root = ElementTree.Element(
        "testsuites", name="kubelogic check", tests=str(len(check.findings) or 1), failures=str(bad), errors="0"
    )
    for file, findings in sorted(files.items()) or [(_NOWHERE, [])]:
        fails = [id(each) in failing or each.invalid for each in findings]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_xml(file),
            tests=str(len(findings) or 1),
            failures=str(sum(fails)),
            errors="0",
            skipped="0",
            time="0",
        )
        for each, fail in zip(findings, fails, strict=True):
            place = f":{line}" if (line := _line(each.location)) else ""
            who = f" {each.kind} {each.key}" if each.kind else ""
            case = ElementTree.SubElement(
                suite, "testcase", classname=_xml(file), name=_xml(f"{each.code}{who}{place}"), time="0"
            )
            text = _xml(f"{each}\n{each.step if each.checked else each.helps}".strip())
            if fail:
                failure = ElementTree.SubElement(case, "failure", message=_xml(each.message), type=each.severity)
                failure.text = text
            else:
                ElementTree.SubElement(case, "system-out").text = text
        if not findings:
            ElementTree.SubElement(suite, "testcase", classname=_xml(file), name="no findings", time="0")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _xml(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return _NO_XML.sub("?", text)


_LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def github(check: Check) -> str:
    """The findings as workflow commands, which GitHub shows beside the lines.

    Source: docs.github.com, "Workflow commands for GitHub Actions".
    """
    lines = []
    for each in check.findings:
        properties = []
        if each.location is not None:
            properties.append(f"file={_property(_file(each.location))}")
            if line := _line(each.location):
                properties += [f"line={line}", f"col={max(each.location.column, 1)}"]
        properties.append(f"title={_property(each.code)}")
        more = f"\nTried, and it helps: {each.step}" if each.checked else f"\n{each.helps}" if each.helps else ""
        lines.append(f"::{_LEVELS[each.severity]} {','.join(properties)}::{_data(each.message + more)}")
    return "\n".join(lines)


def _data(text: str) -> str:
    """Text of a command. The log that it stands in is a terminal for many: control characters are shown."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_SEVERITIES = {"error": "major", "warning": "minor", "note": "info"}


def gitlab(check: Check) -> list[dict[str, Any]]:
    """The findings as a Code Quality report, which GitLab shows in merge requests.

    Source: docs.gitlab.com, "Code Quality report format".
    """
    seen: dict[str, int] = defaultdict(int)
    found = []
    for each in check.findings:
        mark = fingerprint(each)
        seen[mark] += 1
        found.append(
            {
                "description": each.message,
                "check_name": each.code,
                "fingerprint": mark if seen[mark] == 1 else f"{mark}-{seen[mark]}",
                "severity": "critical" if each.invalid else _SEVERITIES[each.severity],
                "location": {
                    "path": _file(each.location),
                    "lines": {"begin": max(_line(each.location), 1)},
                },
            }
        )
    return found
