"""The parameters of the control plane, as text, as data and as a page of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kubelogic.facts.parameters import DEFAULT_CLASS, Parameter, described
from kubelogic.logic import Rulebook
from kubelogic.report.documents import header
from kubelogic.report.rules import MARKER

_CLASS = Parameter(
    name=DEFAULT_CLASS,
    value="",
    unit="name",
    least=0,
    meaning="which StorageClass claims have that name none; empty: the one that the input marks as the default",
    source="the annotation storageclass.kubernetes.io/is-default-class",
)
"""What is set like a parameter, although rules never read it."""


def with_word(book: Rulebook, word: str = "") -> list[Parameter]:
    """All that can be set, by name, if a word is in it; upper and lower case are alike."""
    found = sorted((*described(book), _CLASS), key=lambda each: each.name)
    wanted = word.lower()
    return [each for each in found if any(wanted in text.lower() for text in (each.name, each.meaning, each.source))]


def parameters_text(found: Sequence[Parameter]) -> str:
    """Two lines for each: name and value, then what it means and where Kubernetes has it."""
    parts = []
    for each in found:
        unit = f" {each.unit}" if isinstance(each.value, int) else ""
        parts.append(f"{each.name}={each.value}{unit}\n    {each.meaning} ({each.source})")
    return "\n".join(parts)


def parameters_document(found: Sequence[Parameter]) -> dict[str, Any]:
    """``kind: Parameters``."""
    return {**header("Parameters"), "parameters": [msgspec.to_builtins(each) for each in found]}


def parameters_page(book: Rulebook) -> str:
    """The page of the reference."""
    lines = [
        MARKER,
        "",
        "# Parameters",
        "",
        "Numbers and ranges of the control plane that no manifest says. `--set NAME=VALUE` sets one for a command,",
        "`[set]` in the [settings](check.md) of `kubelogic check` for a project, `set` in a file of",
        "[expectations](../how-to/property-tests.md) for a test, `Options(parameters={...})` in a Python program.",
        "`kubelogic rules parameters` prints this list, `kubelogic rules parameters eviction` what mentions a word.",
        "A `switch` is 0 or 1; times are of the simulated clock.",
        "",
        "| parameter | default | unit | what it says | in Kubernetes |",
        "| --- | --- | --- | --- | --- |",
    ]
    for each in with_word(book):
        cells = (f"`{each.name}`", f"`{each.value}`" if each.value != "" else "", each.unit, each.meaning, each.source)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*lines, ""])
