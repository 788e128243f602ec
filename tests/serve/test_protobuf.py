"""Bodies in protobuf: what Go always writes is as good as unsaid."""

from __future__ import annotations

from kubelogic.kinds.wire import numbers_of
from kubelogic.serve.protobuf import message


def test_false_and_nought_of_fields_that_are_no_pointers_are_unsaid() -> None:
    by_name = {name: int(number) for number, name in (numbers_of("Container") or {}).items() if isinstance(name, str)}

    def flag(name: str, value: int) -> bytes:
        number = by_name[name] << 3
        return (bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80, number >> 7])) + bytes([value])

    name = bytes([by_name["name"] << 3 | 2, 1]) + b"c"
    assert message(name + flag("stdin", 0) + flag("tty", 0), "Container") == {"name": "c"}
    assert message(name + flag("stdin", 1) + flag("tty", 0), "Container") == {"name": "c", "stdin": True}
