"""Kubernetes quantities: `100m`, `1.5Gi`, `2e3`, read exactly and written back as the API server does.

A quantity is kept as an integer number of billionths (nano-units), the finest grain that Kubernetes
stores; whatever is finer is rounded away from zero, as there. Rules get integers: thousandths of a core for
`cpu`, whole units (bytes, pieces) for everything else, both rounded up and capped at the largest 64-bit
integer.

Source: Kubernetes API reference, "Quantity" (common definitions); behaviour of the 1.36 API server.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache

import msgspec

from kubelogic.patterns import regex

MAX_INT64 = 2**63 - 1

_SHAPE = regex(r"([+-]?)([0-9]*)(?:(\.)([0-9]*))?([eEinumkKMGTP]*[+-]?[0-9]*)", re.ASCII)
_EXPONENT = regex(r"[eE]([+-]?[0-9]+)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {0: "", **{exponent: suffix for suffix, exponent in _BINARY.items()}}
_NANO = 10**9
_MICRO = 10**6
_FAST_DIGITS = 18  # digits that always fit a 64-bit integer
_DIGITS = 1000  # digits that are read one by one; further ones only round up
_ALMOST = regex(
    r"(?P<number>\d+(?:\.\d+)?) *(?:(?P<prefix>[kmgtpe])(?P<binary>i)?b?(?:ytes)?|b|bytes|v?cpus?|cores?)",
    re.IGNORECASE,
)
"""Units as people write them that are no suffixes of quantities."""
_HUGE = 60  # exponents of ten beyond this are all the same: more than any machine has


class QuantityError(ValueError):
    """A text that is no quantity. Says what would be one."""

    def __init__(self, text: object, reason: str) -> None:
        self.text = text
        self.reason = reason
        super().__init__(text, reason)

    def __str__(self) -> str:
        return self.reason


class Notation(Enum):
    """How a quantity was written, which decides how it is written back."""

    DECIMAL = "100m, 2G"
    BINARY = "128Mi"
    EXPONENT = "2e3"


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """An exact amount and its notation.

    ``nanos`` is the amount in billionths. ``text`` is how the API server gives it back.
    """

    nanos: int
    notation: Notation
    text: str

    def __str__(self) -> str:
        return self.text


def text_of(value: str | float) -> str:
    """The text of a bare JSON number or string, as the API server sees it.

    >>> text_of(0.5), text_of(1e3), text_of(1e21), text_of(" 1 ")
    ('0.5', '1000', '1e+21', '1')
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        plain = format(Decimal(repr(value)), "f")
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return repr(value)


def _meant(text: str) -> str:
    """What a text that is no quantity seems to mean, as the end of a sentence.

    >>> _meant("512MB"), _meant("2 gib"), _meant("2 cores"), _meant("much")
    ('; did you mean 512M or 512Mi?', '; did you mean 2Gi?', '; did you mean 2?', '')
    """
    match = _ALMOST.fullmatch(text)
    if match is None:
        return ""
    number, prefix, binary = match["number"], (match["prefix"] or "").upper(), match["binary"]
    decimal = f"{number}{'k' if prefix == 'K' else prefix}"
    if not prefix:
        return f"; did you mean {number}?"
    return f"; did you mean {number}{prefix}i?" if binary else f"; did you mean {decimal} or {number}{prefix}i?"


@lru_cache(maxsize=1 << 16)
def _parse(text: str) -> Quantity:
    match = _SHAPE.fullmatch(text)
    if not text or match is None:
        raise QuantityError(
            text,
            "is no quantity: a number, then at most one suffix of n u m k M G T P E or Ki Mi Gi Ti Pi Ei, "
            f"or an exponent such as e3{_meant(text)}",
        )
    sign, written, _, fraction, suffix = match.groups()
    digits, fraction = written.lstrip("0") or "0", fraction or ""
    notation, exponent, shift = _scale(text, suffix)
    shifted = digits + fraction
    negative = sign == "-"
    exponent += max(0, len(shifted) - _DIGITS)
    unscaled = int(shifted[:_DIGITS]) + (1 if shifted[_DIGITS:].strip("0") else 0)

    if text == "0" or (not suffix and "." not in text and digits == "0"):
        return Quantity(nanos=0, notation=notation, text="0")
    precision = _FAST_DIGITS - len(shifted)
    if notation is Notation.BINARY:
        precision = -1 if fraction else 15 - len(digits) - int(shift * 3 / 10) - 1
    scale = exponent - len(fraction)
    if precision >= 0 and scale >= -9:
        # Short enough for the server's integer arithmetic: it keeps the text if that is canonical already.
        nanos = _times_ten(unscaled << shift, scale + 9)
        nanos = -nanos if negative else nanos
        if notation is Notation.BINARY:
            kept = unscaled & 7 != 0
        else:
            kept = scale % 3 == 0 and not shifted.endswith("000") and shifted[0] != "0"
        return Quantity(nanos=nanos, notation=notation, text=text if kept else _write(nanos, notation))

    if not written and not fraction:
        raise QuantityError(text, "is no quantity: it has no digits")
    nanos = _times_ten(unscaled << shift, scale + 9)
    if notation is Notation.BINARY:
        nanos = min(nanos, MAX_INT64 * _NANO)
        if 0 < nanos < _NANO:
            notation = Notation.DECIMAL
    nanos = -nanos if negative else nanos
    return Quantity(nanos=nanos, notation=notation, text=_write(nanos, notation))


def _scale(text: str, suffix: str) -> tuple[Notation, int, int]:
    """Notation, power of ten and power of two of a suffix."""
    if suffix in _DECIMAL:
        return Notation.DECIMAL, _DECIMAL[suffix], 0
    if suffix in _BINARY:
        return Notation.BINARY, 0, _BINARY[suffix]
    match = _EXPONENT.fullmatch(suffix)
    if match and len(match[1]) < 19:
        return Notation.EXPONENT, (int(match[1]) + 2**31) % 2**32 - 2**31, 0  # the server keeps 32 bits
    hint = {"K": "k or Ki", "g": "G or Gi", "KB": "k or Ki", "MB": "M or Mi", "GB": "G or Gi"}.get(suffix)
    advice = f"write {hint}" if hint else "known are n u m k M G T P E, Ki Mi Gi Ti Pi Ei and exponents such as e3"
    raise QuantityError(text, f"has the unknown suffix {suffix!r}; {advice}")


def _times_ten(value: int, exponent: int) -> int:
    """``value * 10**exponent``, rounded up to a whole number; never larger than any machine can be."""
    if value == 0:
        return 0
    if exponent >= 0:
        return int(value * 10 ** min(exponent, _HUGE))
    return int(-(-value // 10 ** min(-exponent, 2 * _DIGITS)))


def _write(nanos: int, notation: Notation) -> str:
    """The canonical text: the largest suffix that needs no fraction."""
    if nanos == 0:
        return "0"
    if notation is Notation.BINARY:
        whole, rest = divmod(nanos, _NANO)
        if rest == 0 and not -1024 < whole < 1024:
            power = 0
            while whole % 1024 == 0 and power < 60:
                whole, power = whole // 1024, power + 10
            return f"{whole}{_BINARY_SUFFIX[power]}"
        notation = Notation.DECIMAL
    mantissa, exponent = nanos, -9
    while mantissa % 1000 == 0 and (notation is Notation.EXPONENT or exponent < 18):
        mantissa, exponent = mantissa // 1000, exponent + 3
    if notation is Notation.EXPONENT:
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_SUFFIX[exponent]}"


def read(value: str | float) -> Quantity:
    """Read a quantity from a manifest: text, or a bare number.

    Raises:
        QuantityError: not a quantity.

    >>> read("0.1").text, read("1.5Gi").nanos, read("1e3").text
    ('100m', 1610612736000000000, '1e3')
    """
    return _parse(text_of(value))


def parse(value: str | float) -> Fraction:
    """The exact amount.

    >>> parse("1500m")
    Fraction(3, 2)
    """
    return Fraction(read(value).nanos, _NANO)


def canonical(value: str | float) -> str:
    """The text that the API server gives back for a quantity.

    >>> [canonical(text) for text in ("1", ".5", "1000", "1024Mi", "8Ei", "+1")]
    ['1', '500m', '1k', '1Gi', '9223372036854775807', '+1']
    """
    return read(value).text


def canonical_milli(value: str | float) -> str:
    """As ``canonical``, rounded up to thousandths, which is what the API server stores for resources.

    >>> canonical_milli("1n"), canonical_milli("1e-3")
    ('1m', '1e-3')
    """
    quantity = read(value)
    if quantity.nanos % _MICRO == 0:
        return quantity.text
    return _write(_ceiling(quantity.nanos, _MICRO) * _MICRO, quantity.notation)


def written(nanos: int, *, like: str) -> str:
    """The canonical text of an amount, in the notation of another one.

    >>> written(2 * 10**9 * 1024, like="1Ki"), written(1_500_000_000, like="1")
    ('2Ki', '1500m')
    """
    return _write(nanos, read(like).notation)


def _ceiling(nanos: int, unit: int) -> int:
    """Whole units, rounded away from zero."""
    return -(-nanos // unit) if nanos >= 0 else nanos // unit


def _capped(value: int) -> int:
    return max(-MAX_INT64, min(MAX_INT64, value))


@lru_cache(maxsize=1 << 16)
def millicores(value: str | float) -> int:
    """CPU in thousandths of a core, rounded up.

    >>> millicores("100m"), millicores(0.5), millicores("0.0001"), millicores("2")
    (100, 500, 1, 2000)
    """
    return _capped(_ceiling(read(value).nanos, _MICRO))


@lru_cache(maxsize=1 << 16)
def whole(value: str | float) -> int:
    """Whole units (bytes, pieces), rounded up.

    >>> whole("1Ki"), whole("100m"), whole("1e999") == MAX_INT64
    (1024, 1, True)
    """
    return _capped(_ceiling(read(value).nanos, _NANO))


def amount(resource: str, value: str | float) -> int:
    """A resource in the unit that rules use: millicores for ``cpu``, whole units for everything else.

    >>> amount("cpu", "1"), amount("memory", "1Ki")
    (1000, 1024)
    """
    return millicores(value) if resource == "cpu" else whole(value)
