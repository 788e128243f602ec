"""Libraries of CEL that Kubernetes has: URLs, addresses, sets, formats, further forms of strings and lists.

Source: k8s.io/apiserver 1.36, pkg/cel/environment/base.go (which there are), pkg/cel/library (urls, ip, cidr,
format); cel-go, ext (sets, lists, strings, two-variable comprehensions).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from kubelogic.kinds.cel_syntax import ENTRIES, MAP_OF, RANGE_ADDRESS, SORTED_BY, UNITED
from kubelogic.patterns import regex

if TYPE_CHECKING:
    from urllib.parse import SplitResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_SCHEME = regex(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"


def _url(text: str) -> SplitResult:
    """Source: net/url, ParseRequestURI: a scheme, or a path from the root."""
    if not text or re.search(r"[\x00-\x20\x7f]", text) or not (text.startswith("/") or _SCHEME.match(text)):
        raise ValueError(f'parse "{text}": invalid URI for request')
    from urllib.parse import urlsplit

    found = urlsplit(text)
    found.port  # noqa: B018  raises if it is no number
    return found


def _of_url(part: Callable[[SplitResult], Any]) -> Callable[[Mapping[str, str]], Any]:
    return lambda value: part(_url(value["@url"]))


def _host(found: SplitResult) -> str:
    return found.netloc.rpartition("@")[2]


def _query(found: SplitResult) -> dict[str, list[str]]:
    from urllib.parse import parse_qs

    return parse_qs(found.query, keep_blank_values=True)


def _uuid(text: str) -> object:
    from uuid import UUID

    return UUID(text)


def _bytes(text: str) -> bytes:
    from base64 import b64decode

    return b64decode(text, validate=True)


def _made_url(text: str) -> Mapping[str, str]:
    _url(text)
    return {"@url": text}


def _address(text: str) -> Address:
    """Source: library/ip.go, parseIPAddr: no zones, and no IPv4 in IPv6."""
    found = ipaddress.ip_address(text)
    if "%" in text or (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None):
        raise ValueError(f"IP Address {text!r} with a zone, or IPv4-mapped, is not allowed")
    return found


def _range(text: str) -> Interface:
    """Source: library/cidr.go, parseCIDR."""
    if "/" not in text or not text.rpartition("/")[2].isdigit():
        raise ValueError(f'network address parse error during conversion from string: "{text}"')
    _address(text.rpartition("/")[0])
    return ipaddress.ip_interface(text)


def _of_address(what: Callable[[Address], Any]) -> Callable[[str], Any]:
    return lambda text: what(_address(text))


def _is_global(address: Address) -> bool:
    """Source: net/netip, Addr.IsGlobalUnicast: private addresses are, too."""
    unlike = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not unlike and address != ipaddress.IPv4Address("255.255.255.255")


def _is_local_group(address: Address) -> bool:
    blocks = ("224.0.0.0/24",) if address.version == 4 else ("ff02::/16", "ff12::/16")
    return any(address in ipaddress.ip_network(block) for block in blocks)


def _holds_range(block: str, other: str) -> bool:
    large, small = _range(block).network, _range(other)
    return large.version == small.version and small.ip in large and small.network.prefixlen >= large.prefixlen


def reads(read: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether a text can be read, as a function."""

    def check(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    return check


def _pattern(pattern: str, longest: int, words: str) -> Callable[[str], list[str]]:
    def check(text: str) -> list[str]:
        found = [] if len(text) <= longest else [f"must be no more than {longest} characters"]
        return found if re.fullmatch(pattern, text) else [*found, words]

    return check


def _read_by(read: Callable[[str], object], words: str) -> Callable[[str], list[str]]:
    check = reads(read)
    return lambda text: [] if check(text) else [words]


_SUB = rf"{_LABEL}(\.{_LABEL})*"
_ENDS = "and must start and end with an alphanumeric character"
_LOWER = f"must consist of lower case alphanumeric characters or '-', {_ENDS}"
_DOTS = f"must consist of lower case alphanumeric characters, '-' or '.', {_ENDS}"
_START = (
    "must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character"
)
_NAME = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_FORMATS: Mapping[str, Callable[[str], list[str]]] = {
    "dns1123Label": _pattern(_LABEL, 63, f"a lowercase RFC 1123 label {_LOWER}"),
    "dns1123Subdomain": _pattern(_SUB, 253, f"a lowercase RFC 1123 subdomain {_DOTS}"),
    "dns1035Label": _pattern(r"[a-z]([-a-z0-9]*[a-z0-9])?", 63, f"a DNS-1035 label {_START}"),
    "dns1123LabelPrefix": _pattern(r"[a-z0-9]([-a-z0-9]*)?", 63, f"a lowercase RFC 1123 label {_LOWER}"),
    "dns1123SubdomainPrefix": _pattern(
        rf"({_LABEL}\.)*[a-z0-9]([-a-z0-9]*)?", 253, f"a lowercase RFC 1123 subdomain {_DOTS}"
    ),
    "dns1035LabelPrefix": _pattern(r"[a-z]([-a-z0-9]*)?", 63, f"a DNS-1035 label {_START}"),
    "labelValue": _pattern(_VALUE, 63, f"a valid label must be an empty string or {_NAME.removeprefix('must ')}"),
    "qualifiedName": _pattern(rf"({_SUB}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?", 317, f"name part {_NAME}"),
    "uri": _read_by(_url, "invalid URI"),
    "uuid": _read_by(_uuid, "does not match the UUID format"),
    "byte": _read_by(_bytes, "invalid base64"),
    "date": _read_by(date.fromisoformat, "invalid date"),
    "datetime": _read_by(datetime.fromisoformat, "invalid datetime"),
}


def _validate(form: Mapping[str, str], text: str) -> Any:
    import cel

    found = _FORMATS[form["@format"]](text)
    return cel.OptionalValue.of(found) if found else cel.OptionalValue.none()


def _named_format(name: str) -> Any:
    import cel

    return cel.OptionalValue.of({"@format": name}) if name in _FORMATS else cel.OptionalValue.none()


def _made_format(name: str) -> Callable[[], Mapping[str, str]]:
    return lambda: {"@format": name}


def _entries(values: Any) -> list[list[Any]]:
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values)
    return [[key, value] for key, value in pairs]


def _united(maps: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for each in maps:
        for key, value in each.items():
            if key in found:
                raise ValueError(f"insert failed: key '{key}' already exists")
            found[key] = value
    return found


def _split(text: str, by: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    parts = list(text) if not by else text.split(by)
    return parts if limit < 0 or len(parts) <= limit else [*parts[: limit - 1], by.join(parts[limit - 1 :])]


def _replace(text: str, old: str, new: str, limit: int = -1) -> str:
    return text.replace(old, new, limit)


def _index(values: Any, wanted: Any, start: int = 0) -> int:
    if isinstance(values, str):
        return values.find(wanted, start)
    return next((at for at, each in enumerate(values) if each == wanted), -1)


def _last_index(values: Any, wanted: Any, upto: int | None = None) -> int:
    if isinstance(values, str):
        return values.rfind(wanted) if upto is None else values.rfind(wanted, 0, upto + len(wanted))
    return next((at for at in range(len(values) - 1, -1, -1) if values[at] == wanted), -1)


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [match[0] for match in re.finditer(pattern, text)]
    return found if limit < 0 else found[:limit]


def _flatten(values: Sequence[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise ValueError("level must be non-negative")
    if depth == 0:
        return list(values)
    return [
        inner for each in values for inner in (_flatten(each, depth - 1) if isinstance(each, list | tuple) else [each])
    ]


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _truth(value: Any) -> bool:
    """Source: cel-go, types/string.go, ConvertToType (strconv.ParseBool)."""
    if isinstance(value, str) and value not in _TRUE | _FALSE:
        raise ValueError(f"strconv.ParseBool: parsing {json.dumps(value)}: invalid syntax")
    return value in _TRUE if isinstance(value, str) else bool(value)


def _whole(value: Any) -> int:
    return int(value.timestamp()) if isinstance(value, datetime) else int(value)


def _slice(values: Sequence[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(values):
        raise ValueError(f"cannot slice({start}, {end}), list has {len(values)} elements")
    return list(values[start:end])


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    ENTRIES: _entries,
    MAP_OF: lambda pairs: {pair[0]: pair[1] for pair in pairs},
    UNITED: _united,
    SORTED_BY: lambda pairs: [pair[1] for pair in sorted(pairs, key=lambda pair: pair[0])],
    RANGE_ADDRESS: lambda text: str(_range(text).ip),
    "url": _made_url,
    "isURL": reads(_url),
    "getScheme": _of_url(lambda found: found.scheme),
    "getHost": _of_url(_host),
    "getHostname": _of_url(lambda found: found.hostname or ""),
    "getPort": _of_url(lambda found: str(found.port) if found.port is not None else ""),
    "getEscapedPath": _of_url(lambda found: found.path),
    "getQuery": _of_url(_query),
    "ip": lambda text: str(_address(text)),
    "isIP": reads(_address),
    "ip.isCanonical": lambda text: str(_address(text)) == text,
    "family": _of_address(lambda address: address.version),
    "isUnspecified": _of_address(lambda address: address.is_unspecified),
    "isLoopback": _of_address(lambda address: address.is_loopback),
    "isLinkLocalMulticast": _of_address(_is_local_group),
    "isLinkLocalUnicast": _of_address(lambda address: address.is_link_local),
    "isGlobalUnicast": _of_address(_is_global),
    "cidr": lambda text: str(_range(text)),
    "isCIDR": reads(_range),
    "containsIP": lambda block, text: _address(text) in _range(block).network,
    "containsCIDR": _holds_range,
    "prefixLength": lambda block: _range(block).network.prefixlen,
    "masked": lambda block: str(_range(block).network),
    "sets.contains": lambda one, other: all(each in one for each in other),
    "sets.equivalent": lambda one, other: all(each in one for each in other) and all(each in other for each in one),
    "sets.intersects": lambda one, other: any(each in one for each in other),
    "lists.range": lambda number: list(range(number)),
    "slice": _slice,
    "flatten": _flatten,
    "split": _split,
    "replace": _replace,
    "indexOf": _index,
    "lastIndexOf": _last_index,
    "findAll": _find_all,
    "strings.quote": json.dumps,
    "string": _text,
    "bool": _truth,
    "int": _whole,
    "format.named": _named_format,
    "validate": _validate,
    **{f"format.{name}": _made_format(name) for name in _FORMATS},
}
"""By name; a method's target is its first argument."""
