"""Faults of objects in the API server's words.

``kinds/validation`` says what is wrong in words for people who read a manifest; a client compares the API server's.

Source: staging/src/k8s.io/apimachinery, pkg/util/validation/{validation.go,field/errors.go}; the messages of
pkg/apis/*/validation of Kubernetes 1.36.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)

Words = Callable[[re.Match[str], Any], str]

_TABLE: tuple[tuple[str, Words], ...] = (
    (r"is required.*", lambda _m, _v: "Required value"),
    (r"must be at least 0, is (-\d+)", lambda m, _v: f"Invalid value: {m[1]}: must be greater than or equal to 0"),
    (
        r"must be at least (\d+), is (-?\d+)",
        lambda m, _v: f"Invalid value: {m[2]}: must be greater than or equal to {m[1]}",
    ),
    (
        r"must be between (\d+) and (\d+), is (-?\d+)",
        lambda m, _v: f"Invalid value: {m[3]}: must be between {m[1]} and {m[2]}, inclusive",
    ),
    (
        r"(\".*\") must consist of lower case letters, digits, '-' and '\.', .*",
        lambda m, _v: f"Invalid value: {m[1]}: {_SUBDOMAIN}",
    ),
    (
        r"(\".*\") must consist of lower case letters, digits and '-', .*",
        lambda m, _v: f"Invalid value: {m[1]}: {_LABEL}",
    ),
    (r"(\".*\") is there twice; .*", lambda m, _v: f"Duplicate value: {m[1]}"),
    (r"(\".*\") is not a volume of this pod; .*", lambda m, _v: f"Not found: {m[1]}"),
    (
        r"(\".*\") is not supported: use \"Always\", \"Never\" or \"OnFailure\"",
        lambda m, _v: f'Unsupported value: {m[1]}: supported values: "Always", "OnFailure", "Never"',
    ),
    (
        r"(\".*\") is not supported: use (.*)",
        lambda m, _v: f"Unsupported value: {m[1]}: supported values: {_listed(m[2])}",
    ),
    (
        r"the selector does not match the labels of the template; make them agree",
        lambda _m, v: f"Invalid value: {_json(v)}: `selector` does not match template `labels`",
    ),
    (
        r"(\".*\") has (\d+) fields; a schedule has five: .*",
        lambda m, _v: (
            f"Invalid value: {m[1]}: expected exactly 5 fields, found {m[2]}: [{' '.join(json.loads(m[1]).split())}]"
        ),
    ),
)
"""What this project says, as an expression for the whole text, and what the API server says."""


def _listed(text: str) -> str:
    """``"A", "B" or "C"`` as a list, sorted as Go's sets are.

    >>> _listed('"B", "A" or "C"')
    '"A", "B", "C"'
    """
    return ", ".join(sorted(re.findall(r'"[^"]*"', text)))


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def in_api_words(field: str, message: str, document: Mapping[str, Any]) -> str:
    """What the API server says of a field; what is not known to have other words stays as it is.

    >>> in_api_words("spec.replicas", "must be at least 0, is -1", {})
    'Invalid value: -1: must be greater than or equal to 0'
    """
    for pattern, words in _TABLE:
        match = re.fullmatch(pattern, message)
        if match is not None:
            return words(match, _value(document, field))
    return message


def _value(document: Any, field: str) -> Any:
    """What stands at a dotted path."""
    for step in re.findall(r"[^.\[\]]+", field):
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document
