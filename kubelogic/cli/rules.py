"""``kubelogic rules``: list, check and document the rulebook."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kubelogic.cli import NO, YES
from kubelogic.cli.common import add_output, add_rules, emit, output_style, parameters, rule_directories

if TYPE_CHECKING:
    from kubelogic.logic import Rulebook

NAME = "rules"
HELP = "list, check and document the rules"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="find everything that is wrong with the rules")
    listing = actions.add_parser("list", help="the rule files, with titles")
    doc = actions.add_parser("doc", help="write the reference pages")
    doc.add_argument("directory", metavar="DIR", help="where to write; the pages go to DIR/rules")
    for action in (check, listing, doc):
        add_rules(action)
        add_output(action, ("text", "json"))


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code.

    Raises:
        RuleErrors: with every fault of the rules.
    """
    from kubelogic.facts.rulebook import load_rulebook
    from kubelogic.report.rules import rule_pages, rules_document, rules_text

    book = load_rulebook(rule_directories(args), parameters(args))
    match args.action:
        case "list" if args.output == "json":
            emit(rules_document(book), "json")
        case "list":
            print(rules_text(book))
        case "doc":
            written = write_pages(rule_pages(book), Path(args.directory) / "rules")
            print(f"{written} pages written", file=sys.stderr)
        case _:
            return _check(book, args)
    return YES


def _check(book: Rulebook, args: argparse.Namespace) -> int:
    warnings = book.warnings()
    if args.output == "json":
        findings = [
            {"file": w.place.file, "line": w.place.line, "column": w.place.column, "message": w.message, "hint": w.hint}
            for w in warnings
        ]
        emit({"schemaVersion": 1, "kind": "RulesCheck", "warnings": findings}, "json")
        return NO if warnings else YES
    style = output_style(args)
    for warning in warnings:
        print(str(warning).replace(str(warning.place), style.bold(str(warning.place)), 1))
    summary = f"{len(book.files)} files, {len(book.declarations)} predicates, {len(book.clauses)} clauses"
    print(f"{summary}: {len(warnings) or 'no'} {'warning' if len(warnings) == 1 else 'warnings'}")
    return NO if warnings else YES


def write_pages(pages: dict[str, str], directory: Path) -> int:
    """Write reference pages and take away generated pages of rule files that are gone; returns how many changed."""
    from kubelogic.report.rules import MARKER

    changed = 0
    for old in sorted(directory.rglob("*.md")):
        if old.relative_to(directory).as_posix() not in pages and old.read_text(encoding="utf-8").startswith(MARKER):
            old.unlink()
            changed += 1
    for name, text in pages.items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed += 1
    return changed
