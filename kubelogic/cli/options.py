"""Options of commands as a text that reads like their help.

>>> import argparse
>>> parser = argparse.ArgumentParser()
>>> add_options(parser, '''
...     -q, --quiet  say less
...     --pick {one,two}  which one
...     --set NAME=VALUE ...  a parameter;
...         may be given several times
... ''', {"--set": {"dest": "parameters"}})
>>> parser.parse_args(["-q", "--set", "a=1", "--set", "b=2"])
Namespace(quiet=True, pick=None, parameters=['a=1', 'b=2'])
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Any

_OPTION = re.compile(r"^( *)(-[^\s,]+(?:, -[^\s,]+)*)(?: (\S+))?( \.\.\.)?  +(.*(?:\n\1 +.*)*)", re.MULTILINE)


def add_options(
    parser: argparse._ActionsContainer, text: str, how: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Add options to a parser.

    Args:
        parser: of a command, or a group of its options.
        text: a line an option: its names, what it takes (``{a,b}`` for one of these), ``...`` if it may be given
            several times, two spaces, and what it means, which goes on in lines that are indented. What takes nothing
            is a flag.
        how: what ``add_argument`` has to know besides, by the last name of the option.
    """
    for _, names, value, many, told in _OPTION.findall(text):
        flags = names.split(", ")
        more = (how or {}).get(flags[-1], {})
        given: dict[str, Any] = {"help": " ".join(told.split())}
        if value.startswith("{"):
            given["choices"] = value[1:-1].split(",")
        elif value:
            given["metavar"] = value
        elif "choices" not in more:
            given["action"] = "store_true"
        if many:
            given |= {"action": "append", "default": []}
        parser.add_argument(*flags, **{**given, **more})
