"""Tables that fit: columns side by side where there is room, else the last column broken, else rows in two parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubelogic.report.style import PLAIN, Style
from kubelogic.report.terminal import cells

_GAP = "  "
_ROOM = 24
"""The last column is broken into lines if it gets at least so many columns."""


def table(rows: Sequence[Sequence[str]], style: Style = PLAIN) -> list[str]:
    """Rows as lines with aligned columns; the first row is the heading.

    >>> table([["NODE", "PODS"], ["oak", "1/110"]])
    ['NODE  PODS', 'oak   1/110']
    """
    lines = _lines(rows, style.width)
    return [style.bold(lines[0]), *lines[1:]]


def short_names(names: Sequence[str], width: int | None) -> tuple[list[str], str]:
    """Names of nodes without the domain that they share, and that domain, where a table would hardly hold them.

    >>> short_names(["a.example.internal", "b.example.internal"], 40)
    (['a', 'b'], '.example.internal')
    """
    longest = max(map(len, names), default=0)
    if width is None or len(names) < 2 or longest <= width // 3:
        return list(names), ""
    parts = [name.split(".") for name in names]
    shared: list[str] = []
    for column in zip(*(reversed(part[1:]) for part in parts), strict=False):
        if len(set(column)) > 1:
            break
        shared.insert(0, column[0])
    ending = "".join(f".{part}" for part in shared)
    return [name.removesuffix(ending) for name in names], ending


def _lines(rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    widths = [max(cells(row[i]) for row in rows) for i in range(len(rows[0]))]
    if width is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= width:
        return [_row(row, widths) for row in rows]
    before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    longest = max((cells(word) for row in rows for word in row[-1].split()), default=0)
    if len(widths) > 1 and width - before >= max(_ROOM, longest):
        return [line for row in rows for line in _with_broken_end(row, widths, before, width)]
    if len(widths) == 1:
        return [line for row in rows for line in _packed(row[0], width)]
    return _in_two_parts(rows, width)


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def _with_broken_end(row: Sequence[str], widths: Sequence[int], before: int, width: int) -> Iterator[str]:
    first, *more = _packed(row[-1], width - before)
    yield _row([*row[:-1], first], [*widths[:-1], 0])
    for line in more:
        yield " " * before + line


def _in_two_parts(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The first cell on a line of its own, the others indented below it."""
    rest = _lines_by_row([row[1:] for row in rows], width - len(_GAP))
    lines: list[str] = []
    for row, below in zip(rows, rest, strict=True):
        lines.append(row[0])
        lines += [_GAP + line for line in below]
    return lines


def _lines_by_row(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    widths = [max(cells(row[i]) for row in rows) for i in range(len(rows[0]))]
    before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    if before + widths[-1] <= width:
        return [[_row(row, widths)] for row in rows]
    longest = max((cells(word) for row in rows for word in row[-1].split()), default=0)
    if width - before >= max(_ROOM, longest):
        return [list(_with_broken_end(row, widths, before, width)) for row in rows]
    return [[line for cell in row for line in _packed(cell, width)] for row in rows]


def _packed(text: str, width: int) -> list[str]:
    """Words put into lines of at most ``width`` columns; a longer word alone."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and cells(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
