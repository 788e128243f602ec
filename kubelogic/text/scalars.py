"""What an unquoted YAML scalar means to Kubernetes.

Kubernetes reads YAML 1.1 as go-yaml v2 does and turns it into JSON before anything else looks at it.
Differences from the YAML 1.1 text: no base 60, octal also as ``0o14``, dates stay strings, ``y`` and ``n``
are booleans.

Source: sigs.k8s.io/yaml (goyaml.v2), which kubectl and the API server of Kubernetes 1.36 use.
"""

from __future__ import annotations

import base64
import binascii
import math

from kubelogic.patterns import regex

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_FIRST_OF_NUMBER = frozenset("0123456789+-.")
_INTEGER = regex(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = regex(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LARGEST = 2**64 - 1
_PREFIX = "tag:yaml.org,2002:"


class ScalarError(ValueError):
    """A scalar does not fit the tag that it carries."""


def resolve(text: str) -> Scalar:
    """The value of a plain (unquoted, untagged) scalar.

    >>> [resolve(text) for text in ("on", "y", "014", "0o14", "0x1F", "0b11", "1_000", "1e3", "3.0", "0.5")]
    [True, True, 12, 12, 31, 3, 1000, 1000, 3, 0.5]
    >>> [resolve(text) for text in ("1:20", "2026-01-01", "=", "<<", "1e999", "0o9", "Y es", "~", "")]
    ['1:20', '2026-01-01', '=', '<<', '1e999', '0o9', 'Y es', None, None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _FIRST_OF_NUMBER:
        return _number(text)
    return text


def _number(text: str) -> Scalar:
    if text[0] == ".":
        return _float(text) if _FLOAT.fullmatch(text) else text
    plain = text.replace("_", "")
    if match := _INTEGER.fullmatch(plain):
        sign, hexadecimal, binary, octal, decimal = match.groups()
        if hexadecimal:
            value = int(hexadecimal, 16)
        elif binary:
            value = int(binary, 2)
        elif octal:
            value = int(octal, 8)
        else:
            if len(decimal) > 20:
                return _float(plain)
            value = int(decimal)
            if value > _LARGEST or (sign and value > 2**63):
                return _float(plain)
        return -value if sign == "-" else value
    if _FLOAT.fullmatch(plain):
        value_or_text = _float(plain)
        return text if isinstance(value_or_text, str) else value_or_text
    return text


def _float(text: str) -> int | float | str:
    """A float as it comes out of the JSON in between: integral ones within 64 bits are integers."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        return text
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def resolve_tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag. Unknown tags are ignored, the text is kept.

    Raises:
        ScalarError: the text is not of the tag's type.
    """
    short = tag.removeprefix(_PREFIX) if tag.startswith(_PREFIX) else ""
    if short == "binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            raise ScalarError("!!binary value is not base64") from error
    if short not in ("bool", "int", "float", "null"):
        return text
    value = resolve(text)
    found = _type_of(value)
    if found == short or (short == "float" and found == "int"):
        return value
    raise ScalarError(f"cannot read `{text}` as !!{short}")


def _type_of(value: Scalar) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case _:
            return "str"


def key_text(value: Scalar) -> str | None:
    """A mapping key as the text that JSON needs; None for ``null``, which cannot be a key.

    >>> [key_text(resolve(text)) for text in ("on", "014", "1.50", "a", "~")]
    ['true', '12', '1.5', 'a', None]
    """
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case float() if math.isnan(value):
            return ".nan"
        case float() if abs(value) == float("inf"):
            return ".inf" if value > 0 else "-.inf"
        case _:
            return str(value)
