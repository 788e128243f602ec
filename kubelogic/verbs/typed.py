"""Commands that tell more, as they are typed."""

from __future__ import annotations

import shlex

PATHS = "PATH..."
"""Stands for the input in a command where nobody knows how it was named: a Python program read it."""


def quoted(text: str) -> str:
    """A word for the shell: an atom in double quotes, as its own are single ones.

    >>> quoted("pod('a')"), quoted("cart.yaml")
    ('"pod(\'a\')"', 'cart.yaml')
    """
    return f'"{text}"' if "'" in text and not set(text) & set('"$`\\\\!') else shlex.quote(text)
