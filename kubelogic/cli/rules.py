"""``kubelogic rules``: list, check and document the rulebook."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kubelogic.cli import EXIT_CODES, NO, YES, UsageError, assigned, streams
from kubelogic.cli.common import add_output, add_rules, output_style, rule_directories
from kubelogic.cli.documents import emit
from kubelogic.cli.habits import hint

if TYPE_CHECKING:
    from kubelogic.logic import Rulebook

NAME = "rules"
HELP = "list, check and document the rules"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="find everything that is wrong with the rules")
    listing = actions.add_parser("list", help="the rule files, with titles")
    doc = actions.add_parser("doc", help="write the reference pages: of rules, codes and commands")
    doc.add_argument(
        "directory",
        metavar="DIR",
        help="where to write: DIR/rules, DIR/codes, DIR/commands, DIR/parameters.md",
    )
    doc.add_argument("--check", action="store_true", help="write nothing; 1 if the pages are not up to date")
    show = actions.add_parser("show", help="a rule file, or what there is about a predicate")
    show.add_argument("what", metavar="FILE|PREDICATE", help="such as taint_toleration, or rejects_taint")
    search = actions.add_parser("search", help="rule files and predicates with a word in them")
    search.add_argument("word", metavar="WORD", help="upper and lower case are alike")
    parameters = actions.add_parser("parameters", help="what --set can set: value, unit and meaning of each")
    parameters.add_argument("word", metavar="WORD", nargs="?", default="", help="only those with this word in them")
    for action in (check, listing, doc, show, search, parameters):
        add_rules(action)
        add_output(action, ("text", "json"))


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code.

    Raises:
        RuleErrors: with every fault of the rules.
    """
    from kubelogic.facts.rulebook import load_rulebook
    from kubelogic.report.rules import rules_document, rules_text

    book = load_rulebook(rule_directories(args), assigned.parameters(args))
    match args.action:
        case "list" if args.output == "json":
            emit(rules_document(book), "json")
        case "list":
            streams.say(rules_text(book))
        case "parameters":
            return _parameters(book, args)
        case "show":
            return _show(book, args)
        case "search":
            return _search(book, args)
        case "doc":
            return _document(_pages(book), Path(args.directory), args)
        case _:
            return _check(book, args)
    return YES


def _show(book: Rulebook, args: argparse.Namespace) -> int:
    """A rule file as it stands, or the declaration and the clauses of a predicate."""
    import difflib

    from kubelogic.report.rules import shown

    found = shown(book, args.what)
    if not found:
        names = [*book.declarations, *(Path(file.path).stem for file in book.files)]
        near = difflib.get_close_matches(args.what, names, n=3)
        meant = hint(args.what) or (f"did you mean {', '.join(near)}?" if near else "")
        raise UsageError(f"there is no rule file and no predicate {args.what}{'; ' if meant else ''}{meant}")
    if args.output == "json":
        emit({"schemaVersion": 1, "kind": "RulesShow", "parts": found}, "json")
    else:
        streams.say("\n\n".join(f"{each['place']}\n{each['text']}" for each in found))
    return YES


def _search(book: Rulebook, args: argparse.Namespace) -> int:
    """Where a word occurs; 1 if nowhere."""
    from kubelogic.report.rules import found_in

    found = found_in(book, args.word)
    if args.output == "json":
        emit({"schemaVersion": 1, "kind": "RulesSearch", "found": found}, "json")
    elif found:
        streams.say("\n".join(f"{each['place']}: {each['text']}" for each in found))
    else:
        streams.say(f"nothing in the rules mentions {args.word}")
    return YES if found else NO


def _parameters(book: Rulebook, args: argparse.Namespace) -> int:
    """The parameters with a word in them; 1 if there are none."""
    from kubelogic.report.parameters import parameters_document, parameters_text, with_word

    found = with_word(book, args.word)
    if args.output == "json":
        emit(parameters_document(found), "json")
    else:
        streams.say(parameters_text(found) if found else f"no parameter mentions {args.word}")
    return YES if found else NO


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
        streams.say(str(warning).replace(str(warning.place), style.bold(str(warning.place)), 1))
    summary = f"{len(book.files)} files, {len(book.declarations)} predicates, {len(book.clauses)} clauses"
    streams.say(f"{summary}: {len(warnings) or 'no'} {'warning' if len(warnings) == 1 else 'warnings'}")
    return NO if warnings else YES


def _pages(book: Rulebook) -> dict[str, str]:
    """All generated pages of the reference, by their path below it."""
    from kubelogic.cli.commands import program
    from kubelogic.report.codes import code_pages
    from kubelogic.report.commands import command_pages
    from kubelogic.report.parameters import parameters_page
    from kubelogic.report.rules import rule_pages

    parts = {
        "rules": rule_pages(book),
        "codes": code_pages(book),
        "commands": command_pages(program(), EXIT_CODES),
    }
    found = {f"{folder}/{name}": text for folder, pages in parts.items() for name, text in pages.items()}
    return {**found, "parameters.md": parameters_page(book)}


def _document(pages: Mapping[str, str], directory: Path, args: argparse.Namespace) -> int:
    """Write the pages that changed and take away generated pages of what is gone, or only say which."""
    generated = "<!-- generated by `kubelogic rules doc`"
    present = {path.relative_to(directory).as_posix(): path for path in sorted(directory.rglob("*.md"))}
    texts = {name: path.read_text(encoding="utf-8") for name, path in present.items()}
    changed = [name for name, text in sorted(pages.items()) if texts.get(name) != text]
    stale = [name for name, text in texts.items() if name not in pages and text.startswith(generated)]
    if args.check:
        for name in [*changed, *stale]:
            streams.say(f"{directory / name} is not up to date; run: kubelogic rules doc {args.directory}")
        return NO if changed or stale else YES
    try:
        for name in stale:
            present[name].unlink()
        for name in changed:
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages[name], encoding="utf-8")
    except OSError as error:
        raise UsageError(f"doc {error.filename}: {(error.strerror or str(error)).lower()}") from error
    streams.warn(f"{len(changed)} pages written, {len(stale)} removed")
    return YES
