"""Completion of the command line, as scripts for bash, zsh and fish.

Each script is complete: the shell asks nobody while a person types. A library that does this for bash and zsh
(shtab) would leave fish, and the tables of commands are needed for the man page and the reference anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubelogic.report.commands import Argument, Command

SHELLS = ("bash", "zsh", "fish")


def completion(root: Command, shell: str) -> str:
    """The script for a shell.

    Args:
        root: the program.
        shell: one of ``SHELLS``.
    """
    lines = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](root)
    return "\n".join(lines)


def _leaves(command: Command) -> Iterator[Command]:
    """All commands, those that only group others as well."""
    for each in command.commands:
        yield each
        yield from _leaves(each)


def _words(command: Command) -> str:
    """What may be typed next: commands below it, or flags and known values."""
    below = [each.words[-1] for each in command.commands]
    flags = [flag for each in command.options for flag in each.flags]
    known = [choice for each in command.positional for choice in each.choices]
    return " ".join([*below, *known, *flags])


def _bash(root: Command) -> Iterator[str]:
    groups = "|".join(f"{each.words[0]}/*" for each in root.commands if each.commands)
    yield "# bash completion of kubelogic: source this file, or put it into /etc/bash_completion.d"
    yield "_kubelogic() {"
    yield "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= word values= words="
    yield '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do'
    yield "    case $command/$word in"
    yield "      */-*) ;;"
    yield "      /*) command=$word ;;"
    if groups:
        yield f'      {groups}) command="$command $word" ;;'
    yield "    esac"
    yield "  done"
    yield "  COMPREPLY=()"
    yield '  case "$command:$prev" in'
    for command in _leaves(root):
        for each in command.options:
            if each.value or each.choices:
                cases = "|".join(f"'{' '.join(command.words)}:{flag}'" for flag in each.flags)
                answer = f"values='{' '.join(each.choices)}'" if each.choices else f"values={'@' if each.path else '-'}"
                yield f"    {cases}) {answer} ;;"
    yield "  esac"
    yield "  case $values in"
    yield "    '') ;;"
    yield "    @) return ;;"
    yield "    -) compopt +o default; return ;;"
    yield '    *) COMPREPLY=($(compgen -W "$values" -- "$cur")); return ;;'
    yield "  esac"
    yield "  case $command in"
    yield f"    '') words='{_words(root)}' ;;"
    for command in _leaves(root):
        yield f"    '{' '.join(command.words)}') words='{_words(command)}' ;;"
    yield "  esac"
    yield '  COMPREPLY=($(compgen -W "$words" -- "$cur"))'
    yield "}"
    yield "complete -o default -F _kubelogic kubelogic"


def _zsh(root: Command) -> Iterator[str]:
    yield "#compdef kubelogic"
    yield "# zsh completion of kubelogic: put this file as _kubelogic into a folder of $fpath"
    for command in (root, *_leaves(root)):
        yield f"_{'_'.join(('kubelogic', *command.words))}() {{"
        yield "  local line state"
        specs = [_zsh_option(each) for each in command.options]
        if command.commands:
            specs += ["'1: :->command'", "'*:: :->rest'"]
        else:
            specs += [_zsh_positional(each) for each in command.positional]
        yield "  _arguments -C \\"
        yield from (f"    {spec} \\" for spec in specs)
        yield "    && return"
        if command.commands:
            yield "  case $state in"
            described = " ".join(_quoted(f"{each.words[-1]}:{each.help}") for each in command.commands)
            yield f"    command) local -a names=({described}); _describe command names ;;"
            yield "    rest) case $line[1] in"
            for each in command.commands:
                yield f"      {each.words[-1]}) _{'_'.join(('kubelogic', *each.words))} ;;"
            yield "    esac ;;"
            yield "  esac"
        yield "}"
    yield 'if [ "$funcstack[1]" = "_kubelogic" ]; then _kubelogic "$@"; else compdef _kubelogic kubelogic; fi'


def _zsh_option(each: Argument) -> str:
    told = _bracketed(each.help)
    value = f":{each.value or 'value'}:{_zsh_values(each)}" if each.value or each.choices else ""
    if len(each.flags) == 1:
        return _quoted(f"{'*' if each.many else ''}{each.flags[0]}[{told}]{value}")
    if each.many:
        return " ".join(_quoted(f"*{flag}[{told}]{value}") for flag in each.flags)
    return f"{_quoted('(' + ' '.join(each.flags) + ')')}{{{','.join(each.flags)}}}{_quoted(f'[{told}]{value}')}"


def _zsh_positional(each: Argument) -> str:
    return _quoted(f"{'*' if each.many else ''}:{each.value}:{_zsh_values(each)}")


def _zsh_values(each: Argument) -> str:
    return f"({' '.join(each.choices)})" if each.choices else "_files" if each.path else " "


def _fish(root: Command) -> Iterator[str]:
    yield "# fish completion of kubelogic: put this file into ~/.config/fish/completions/kubelogic.fish"
    for command in (root, *_leaves(root)):
        here = _fish_condition(command)
        for each in command.commands:
            yield f"complete -c kubelogic -n {_quoted(here)} -f -a {each.words[-1]} -d {_quoted(_short(each.help))}"
        for option in command.options:
            flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
            takes = f" -x -a {_quoted(' '.join(option.choices))}" if option.choices else ""
            takes = takes or (" -r" if option.path else " -x" if option.value else "")
            yield f"complete -c kubelogic -n {_quoted(here)} {flags}{takes} -d {_quoted(_short(option.help))}"
        for argument in command.positional:
            if argument.choices:
                yield f"complete -c kubelogic -n {_quoted(here)} -f -a {_quoted(' '.join(argument.choices))}"


def _fish_condition(command: Command) -> str:
    if not command.words:
        return "__fish_use_subcommand"
    parts = [f"__fish_seen_subcommand_from {word}" for word in command.words]
    if command.commands:
        below = " ".join(each.words[-1] for each in command.commands)
        parts.append(f"not __fish_seen_subcommand_from {below}")
    return "; and ".join(parts)


def _short(text: str) -> str:
    return re.split(r"[;:(]", text)[0].strip()


def _bracketed(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
