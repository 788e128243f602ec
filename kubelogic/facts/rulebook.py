"""The built-in rulebook: where its text is, and the pure functions that it calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kubelogic.logic import Rulebook, Value


def builtin_rules() -> Path:
    """The directory of the built-in rules, in a checkout as well as installed.

    Raises:
        FileNotFoundError: if the installation is damaged.
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "_rules", package.parent / "rules"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError("the directory of the built-in rules is missing from this installation")


def load_rulebook(directories: Sequence[Path] = (), parameters: Mapping[str, Value] | None = None) -> Rulebook:
    """The built-in rules, those of ``directories``, and parameters set to other values.

    Raises:
        RuleErrors: with every fault of the rules, an unknown parameter among them.
    """
    book = Rulebook.read([builtin_rules(), *directories])
    return book.with_facts({"parameter": sorted((parameters or {}).items())})
