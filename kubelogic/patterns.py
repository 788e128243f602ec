"""Regular expressions that are compiled when they are first used.

A plan reads some four hundred modules with a hundred expressions, of which a small cluster needs a dozen.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any, AnyStr

_METHODS = ("fullmatch", "match", "search", "sub", "subn", "split", "findall", "finditer", "pattern", "groupindex")


class _Uncompiled:
    """Takes the methods of a pattern over when the first of them is asked for."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(name)
        import re

        compiled = re.compile(self._text, self._flags)
        self.__dict__.update({each: getattr(compiled, each) for each in _METHODS})
        return self.__dict__[name]


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As ``re.compile``, but an expression that nobody uses costs nothing, and a wrong one fails at its first use.

    >>> regex("[a-z]+").fullmatch("web")
    <re.Match object; span=(0, 3), match='web'>

    Args:
        text: the expression.
        flags: those of ``re``.

    Returns:
        What has the methods of a compiled pattern. It is to be called, not to be passed to functions of ``re``.
    """
    made: Any = _Uncompiled(text, flags)
    return made  # type: ignore[no-any-return]
