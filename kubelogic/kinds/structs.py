"""Objects as text at once: a struct for each type, made from the tables, which msgspec reads and writes as a whole.

``wire.completed`` says how an object is written; this says the same, some three times faster, where all is as the
tables say, and nothing otherwise (another type, an unknown field, an explicit null): that is completed field by field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any

import msgspec

from kubelogic.kinds.merging import element_type
from kubelogic.kinds.table import fields_of
from kubelogic.kinds.wire import always, microseconds, numbers_of, omits, whole_second, zero


class _Second(str):
    """A moment in whole seconds."""

    __slots__ = ()


class _Micro(str):
    """A moment in microseconds."""

    __slots__ = ()


_SCALARS: Mapping[str, Any] = {
    "s": str,
    "i": int,
    "l": int,
    "f": int | float,
    "b": bool,
    "q": str | int | float,
    "x": str | int,
    "t": _Second,
    "T": _Micro,
}


def text(document: Mapping[str, Any], type_name: str) -> bytes | None:
    """An object of a type as JSON, complete, with its fields in the order of the type.

    Args:
        document: without ``kind`` and ``apiVersion``.
        type_name: its type in the table of fields.

    Returns:
        The text; None where something in the object is not as the tables say.

    >>> text({"metadata": {"name": "a"}, "data": {"b": "c"}, "binaryData": {}}, "ConfigMap")
    b'{"metadata":{"name":"a"},"data":{"b":"c"}}'
    """
    type_ = _root(type_name)
    if type_ is None:
        return None
    try:
        return _encoder().encode(msgspec.convert(document, type_, dec_hook=_read))
    except (msgspec.ValidationError, TypeError):
        return None


@cache
def _encoder() -> msgspec.json.Encoder:
    return msgspec.json.Encoder(enc_hook=str)


def _read(type_: type, value: Any) -> Any:
    if not isinstance(value, str):
        raise TypeError("no moment")
    if type_ is _Micro:
        return _Micro(microseconds(value))
    return _Second(whole_second(value) if "." in value else value)


@cache
def _root(type_name: str) -> type | None:
    """The struct of a type; None if it holds itself, as schemas of schemas do."""
    return None if _is_recursive(type_name, ()) else _struct(type_name)


def _is_recursive(type_name: str, above: tuple[str, ...]) -> bool:
    if type_name in above:
        return True
    inner = {element_type(code) for _, code in _fields(type_name) if code.lstrip("[{").startswith("@")}
    return any(_is_recursive(each, (*above, type_name)) for each in sorted(inner))


def _fields(type_name: str) -> Iterator[tuple[str, str]]:
    """Fields with their codes, in the order of the type, which is that of the numbers in protobuf."""
    turn = dict(_numbered(numbers_of(type_name) or {}, ()))
    yield from sorted(fields_of(type_name).items(), key=lambda pair: (turn.get(pair[0], _LAST), pair[0]))


_LAST = (1 << 30,)


def _numbered(numbers: Mapping[str, Any], above: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for number, name in numbers.items():
        place = (*above, int(number))
        if isinstance(name, Mapping):
            yield from _numbered(name, place)
        else:
            yield str(name), place


@cache
def _struct(type_name: str) -> type:
    is_always, may_lack = dict(always(type_name)), omits(type_name)
    names = {f"f{number}": name for number, (name, _) in enumerate(_fields(type_name))}
    made = []
    for place, (name, code) in zip(names, _fields(type_name), strict=True):
        if name in is_always:
            made.append((place, *_written_always(is_always[name], code)))
        else:
            made.append((place, _type(code), _left_out(code, name in may_lack)))
    return msgspec.defstruct(
        type_name,
        made,
        rename=names,
        kw_only=True,
        frozen=True,
        omit_defaults=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def _written_always(stands: str | None, code: str) -> tuple[Any, Any]:
    """The type of a field that is always written, and what stands there when it is not set."""
    type_: Any = _type(code)
    if code[:1] in "[{":
        type_ = Annotated[type_, msgspec.Meta(min_length=1)]
    value = zero(stands)
    empty: Callable[[], Any] = _struct(element_type(stands)) if stands and stands.startswith("@") else lambda: value
    return (type_ | None if value is None else type_), msgspec.field(default_factory=empty)


def _left_out(code: str, when_zero: bool) -> Any:
    if code[:1] in "[{":
        return msgspec.field(default_factory=list if code[:1] == "[" else dict)
    return msgspec.field(default=zero(code) if when_zero and code[:1] not in "@tT*" else msgspec.UNSET)


def _type(code: str) -> Any:
    match code[:1]:
        case "@":
            return _struct(element_type(code))
        case "[":
            return list[_type(code[1:])]  # type: ignore[misc]
        case "{":
            return dict[str, _type(code[1:])]  # type: ignore[misc]
        case _:
            return _SCALARS.get(code, Any)
