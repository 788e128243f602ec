"""What fingers type that know kubectl: taken where it means the same here, else told what does."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from itertools import islice

from kubelogic.patterns import regex

_FILES = ("-f", "--filename", "-k", "--kustomize")
_ALL = ("-A", "--all-namespaces", "-R", "--recursive")
"""What is so anyway: every namespace is read, and every folder with those in it."""

_CODE = regex(r"KL[0-9]{3}$")
_SERVED = "nothing really runs here; kubectl works with kubelogic serve"
_CHANGED = "a step of a scenario (kubelogic simulate PATH... --scenario FILE), or kubectl with kubelogic serve"

_SELECTED = "give the input only what is asked about: kubectl get ... -l KEY=VALUE -o yaml | kubelogic plan -"
_PART = "-o json has all there is; jq takes a part of it"
_APPLIED = "kubelogic plan CLUSTER MANIFEST... shows what comes of it; nothing is changed"
_GATE = "kubelogic check PATH... is the gate for manifests"

_HINTS: Mapping[str, str] = {
    "get": "kubelogic plan shows what there is, and kubectl get works with kubelogic serve",
    "describe": "kubelogic explain KIND/NAME PATH... tells about one object",
    "apply create replace run expose": _APPLIED,
    "drain": "kubelogic simulate PATH... --drain NODE, or kubelogic explain node/NODE PATH... --drain",
    "cordon uncordon": "a step of a scenario: simulate PATH... --scenario FILE with {at: 1s, cordon: NODE}",
    "scale rollout delete autoscale set patch edit label annotate taint evict": _CHANGED,
    "top": "kubelogic plan shows what pods request of each node; what they use is in no manifest",
    "logs exec attach cp debug port-forward proxy wait certificate": _SERVED,
    "events": "kubelogic simulate PATH... tells what happens and when; kubectl events works with kubelogic serve",
    "watch": "kubelogic plan PATH... --watch answers again whenever a file changes",
    "auth": "kubelogic can-i VERB RESOURCE PATH... says who may do what",
    "kustomize template": "a Kustomize folder or a chart is named like any other: kubelogic plan FOLDER renders it",
    "lint validate test": _GATE,
    "cluster-info api-resources api-versions config": "--live reads the cluster that kubectl is set to; "
    "kubectl itself works with kubelogic serve",
    "wide": "text has all columns already",
    "name jsonpath jsonpath-file jsonpath-as-json go-template go-template-file custom-columns": _PART,
    "-f --filename": "a file comes after it: kubelogic plan -f web.yaml, or without it: kubelogic plan web.yaml",
    "-k --kustomize": "a folder comes after it: kubelogic plan -k overlay, or without it: kubelogic plan overlay",
    "-l --selector --field-selector": _SELECTED,
    "--kubeconfig": "--live reads the cluster of the file that the variable KUBECONFIG names",
    "--dry-run --server-side --validate": "nothing is ever changed: plan shows what would come of it",
    "--delete-emptydir-data --force --disable-eviction": "the step drain of a scenario has it: simulate PATH... "
    "--scenario FILE with {at: 1m, drain: {node: NODE, deleteEmptyDirData: true, force: true, disableEviction: true}}",
    "--ignore-daemonsets": "a drain here leaves the pods of DaemonSets alone by itself",
    "--client": "kubelogic version says which kubelogic this is",
    "-v --v --verbose": "--progress tells what is being looked for",
    "--values --set-string": "render it first: helm template CHART --values FILE | kubelogic plan -",
}
HINTS: Mapping[str, str] = {word: told for words, told in _HINTS.items() for word in words.split()}
"""What does the same here, by what is typed."""


def hint(typed: str) -> str:
    """What to type instead of something that is no command or choice here; empty if nothing is known.

    >>> hint("KL206")
    'kubelogic explain KL206 tells what it means'
    """
    return f"kubelogic explain {typed} tells what it means" if _CODE.match(typed) else HINTS.get(typed, "")


def command_first(arguments: list[str], commands: Sequence[str]) -> list[str]:
    """The arguments with the command before options that were typed first, as kubectl takes them.

    >>> command_first(["-n", "shop", "plan", "web.yaml"], ["plan"])
    ['plan', '-n', 'shop', 'web.yaml']
    >>> command_first(["help", "plan"], ["plan"])
    ['plan', '--help']
    """
    if arguments[:1] == ["help"]:
        return [*arguments[1:2], "--help"]
    if not arguments or not arguments[0].startswith("-"):
        return list(arguments)
    at = next((number for number, each in enumerate(arguments) if each in commands), 0)
    return [*arguments[at : at + 1], *arguments[:at], *arguments[at + 1 :]] if at else list(arguments)


def as_kubectl(arguments: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """The arguments of a command with its options first, with ``-f FILE`` as a path, and without what is so anyway.

    Options may stand between words: argparse alone would take what follows for something else than paths. Where
    something else is typed before the paths, files that ``-f`` names come last.

    Args:
        arguments: the command and what follows it.
        parser: of the command; an option that it has itself stays as it is.
    """
    positional = [each.dest for each in parser._actions if not each.option_strings]
    if "paths" not in positional:
        return list(arguments)
    options: list[str] = []
    words: list[str] = []
    last: list[str] = []
    files = words if positional == ["paths"] else last
    behind: list[str] = []
    rest = iter(arguments[1:])
    for each in rest:
        flag, equals, value = each.partition("=")
        if each == "--":
            behind = [each, *rest]
        elif not _is_option(each):
            words.append(each)
        elif flag in parser._option_string_actions or flag not in (*_FILES, *_ALL):
            options += [each, *(islice(rest, 1) if _takes_next(each, parser) else ())]
        elif flag in _ALL and not equals:
            continue
        elif flag in _FILES and (name := value if equals else next(rest, "")):
            files += _several(name) if flag in ("-f", "--filename") else [name]
        else:
            options.append(each)
    return [*arguments[:1], *options, *words, *last, *behind]


def _is_option(text: str) -> bool:
    """Whether a word is an option: not standard input, and no number below zero."""
    return text.startswith("-") and text != "-" and not text[1:].isdecimal()


def _takes_next(text: str, parser: argparse.ArgumentParser) -> bool:
    """Whether an option's value is the word after it: ``-n``, but not ``-nshop``, ``--node=oak`` and ``--drain``."""
    action = parser._option_string_actions.get(text)
    return action is not None and action.nargs != 0


def _several(names: str) -> Sequence[str]:
    """The files of one ``-f``, which kubectl divides at commas; a file that is called so is one."""
    return [names] if os.path.lexists(names) else [each for each in names.split(",") if each]
