"""The built-in rulebook: where its text is, and the pure functions that it calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from kubelogic.facts import filters
from kubelogic.facts.action_names import action_faults
from kubelogic.facts.finding_codes import code_faults
from kubelogic.facts.parameters import with_parameters
from kubelogic.logic import Rulebook, RuleFault, Value
from kubelogic.logic.errors import RuleErrors, RunawayError
from kubelogic.logic.terms import Clause


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
    """The built-in rules, those of ``directories``, what follows from filters, and parameters set to other values.

    Raises:
        RuleErrors: with every fault of the rules, or every unknown parameter and impossible value.
    """
    book = Rulebook.read([builtin_rules(), *directories], follow) if directories else builtin_rulebook()
    return with_parameters(book, parameters or {})


def follow(book: Rulebook) -> tuple[Sequence[Clause], Sequence[RuleFault]]:
    """What follows from the tables of a rulebook, and what is wrong with their rows."""
    clauses, faults = filters.follow(book)
    return clauses, [*faults, *code_faults(book, is_built_in), *action_faults(book)]


def is_built_in(shown: str) -> bool:
    """Whether a file is a built-in one; a folder of one's own may be called ``rules``, too."""
    folder, _, path = shown.partition("/")
    return folder == "rules" and (builtin_rules() / path).is_file()


def limit_words(error: RuleErrors) -> str:
    """Which bound a built-in rule has passed, since the input is too large for it, and what helps.

    Args:
        error: any error of rules; empty for all others, those of rules of one's own among them.
    """
    if not isinstance(error, RunawayError) or not all(is_built_in(fault.place.file) for fault in error.faults):
        return ""
    passed = "; ".join(f"{fault.message} ({fault.place.row})" for fault in error.faults)
    return (
        f"{passed}: a limit is reached, and nothing is wrong with the input. Fewer objects at once help: leave out "
        "files (--exclude) with workloads that do not matter here, or give the one pod or workload with the nodes"
    )


@cache
def builtin_rulebook() -> Rulebook:
    """The built-in rules with the built-in parameters, read once.

    Raises:
        RuleErrors: if the installation is damaged.
    """
    return Rulebook.read([builtin_rules()], follow)
