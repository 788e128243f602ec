"""A plot of costs against size, both axes in powers of two, as an SVG that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 120, 20, 45
_COLOURS = ("#1f6feb", "#bf8700", "#57606a")

Points = Sequence[tuple[float, float]]


def log_log(lines: Mapping[str, Points], *, x: str, y: str) -> str:
    """The plot.

    Args:
        lines: by name the points of each line, all above 0.
        x: what the horizontal axis counts.
        y: what the vertical axis measures.
    """
    points = [point for line in lines.values() for point in line]
    (x0, x1), (y0, y1) = (_ends(sorted({point[axis] for point in points})) for axis in (0, 1))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = (log2(point[0]) - x0) / max(x1 - x0, 1e-9)
        up = (log2(point[1]) - y0) / max(y1 - y0, 1e-9)
        return (
            round(_LEFT + across * (_WIDTH - _LEFT - _RIGHT), 1),
            round(_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM), 1),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for value in sorted({point[0] for point in points}):
        at, _ = place((value, 2**y0))
        parts.append(f'<line x1="{at}" y1="{_TOP}" x2="{at}" y2="{_HEIGHT - _BOTTOM}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{at}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:,.0f}</text>')
    for power in range(round(y0), round(y1) + 1):
        _, at = place((2**x0, 2.0**power))
        parts.append(f'<line x1="{_LEFT}" y1="{at}" x2="{_WIDTH - _RIGHT}" y2="{at}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4}" text-anchor="end">{2.0**power:g}</text>')
    for (name, line), colour in zip(lines.items(), _COLOURS, strict=False):
        placed = [place(point) for point in line]
        path = " ".join(f"{a},{b}" for a, b in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        a, b = placed[-1]
        parts.append(f'<text x="{a + 6}" y="{b + 4}" fill="{colour}">{name}</text>')
    parts.append(f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{x}</text>')
    parts.append(
        f'<text x="14" y="{_HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {_HEIGHT / 2})">{y}</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The powers of two between which the values are: whole ones, but for a single range of sizes."""
    low, high = log2(values[0]), log2(values[-1])
    return (float(int(low // 1)), float(-int(-high // 1)))
