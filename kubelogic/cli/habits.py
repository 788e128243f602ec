"""What fingers type that know kubectl: taken where it means the same here, else told what does."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from kubelogic.patterns import regex

_FILES = ("-f", "--filename")
_ALL = ("-A", "--all-namespaces", "-R", "--recursive")
"""What is so anyway: every namespace is read, and every folder with those in it."""

_CODE = regex(r"KL[0-9]{3}$")
_KUSTOMIZE = "a Kustomize folder is named like any other: kubelogic plan FOLDER renders it"
_SERVED = "nothing really runs here; kubectl works with kubelogic serve"
_CHANGED = "a step of a scenario (kubelogic simulate PATH... --scenario FILE), or kubectl with kubelogic serve"

HINTS = {
    "help": "kubelogic --help lists the commands, kubelogic COMMAND --help tells of one",
    "get": "kubelogic plan shows what there is, and kubectl get works with kubelogic serve",
    "describe": "kubelogic explain KIND/NAME PATH... tells about one object",
    "apply": "kubelogic plan CLUSTER MANIFEST... shows what comes of it; nothing is changed",
    "create": "kubelogic plan CLUSTER MANIFEST... shows what comes of it; nothing is changed",
    "drain": "kubelogic simulate PATH... --drain NODE, or kubelogic explain node/NODE PATH... --drain",
    "cordon": "a step of a scenario: simulate PATH... --scenario FILE with {at: 1s, cordon: NODE}",
    "scale": _CHANGED,
    "rollout": _CHANGED,
    "delete": _CHANGED,
    "top": "kubelogic plan shows what pods request of each node; what they use is in no manifest",
    "logs": _SERVED,
    "exec": _SERVED,
    "auth": "kubelogic can-i VERB RESOURCE PATH... says who may do what",
    "lint": "kubelogic check PATH... is the gate for manifests",
    "validate": "kubelogic check PATH... is the gate for manifests",
    "wide": "text has all columns already",
    "-k": _KUSTOMIZE,
    "--kustomize": _KUSTOMIZE,
    "-f": "a file comes after it: kubelogic plan -f web.yaml, or without it: kubelogic plan web.yaml",
    "-l": "give the input only what is asked about: kubectl get ... -l KEY=VALUE -o yaml | kubelogic plan -",
    "--selector": "give the input only what is asked about: kubectl get ... -l KEY=VALUE -o yaml | kubelogic plan -",
    "--kubeconfig": "--live reads the cluster of the file that the variable KUBECONFIG names",
    "--dry-run": "nothing is ever changed: plan shows what would come of it",
}
"""What does the same here."""


def hint(typed: str) -> str:
    """What to type instead of something that is no command or choice here; empty if nothing is known.

    >>> hint("KL206")
    'kubelogic explain KL206 tells what it means'
    """
    return f"kubelogic explain {typed} tells what it means" if _CODE.match(typed) else HINTS.get(typed, "")


def command_first(arguments: Sequence[str], commands: Sequence[str]) -> list[str]:
    """The arguments with the command before options that were typed first, as kubectl takes them.

    >>> command_first(["-n", "shop", "plan", "web.yaml"], ["plan"])
    ['plan', '-n', 'shop', 'web.yaml']
    """
    if not arguments or not arguments[0].startswith("-"):
        return list(arguments)
    at = next((number for number, each in enumerate(arguments) if each in commands), 0)
    return [*arguments[at : at + 1], *arguments[:at], *arguments[at + 1 :]] if at else list(arguments)


def as_kubectl(arguments: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """The arguments of a command with ``-f FILE`` as a path, and without what is so anyway.

    Where something else is typed before the paths, files that ``-f`` names come last.

    Args:
        arguments: the command and what follows it.
        parser: of the command; an option that it has itself stays as it is.
    """
    own = parser._option_string_actions
    positional = [each.dest for each in parser._actions if not each.option_strings]
    if "paths" not in positional:
        return list(arguments)
    found: list[str] = []
    last: list[str] = []
    files = found if positional == ["paths"] else last
    rest = iter(arguments)
    for each in rest:
        flag, equals, value = each.partition("=")
        if each == "--":
            return [*found, *last, each, *rest]
        if flag in own or flag not in (*_FILES, *_ALL):
            found.append(each)
        elif flag in _ALL and not equals:
            continue
        elif flag in _FILES and (name := value if equals else next(rest, "")):
            files.append(name)
        else:
            found.append(each)
    return [*found, *last]
