"""What the API server says of names, labels, ports, addresses and paths, word for word.

``names`` has the same rules in words for people who read a manifest. A client compares the API server's words, and the
API server says all that is wrong with a name, not only the first thing.

Source: staging/src/k8s.io/apimachinery, pkg/api/validate/content and pkg/util/validation/{validation,ip}.go of
Kubernetes 1.36.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.kinds.go_shape import escaped
from kubelogic.kinds.validation import names

Rule = Callable[[str], list[str]]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_UNDERSCORED = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_UNDERSCORED_SUBDOMAIN = rf"{_UNDERSCORED}(\.{_UNDERSCORED})*"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_HEADER = "[-A-Za-z0-9]+"
_PERCENT = "[0-9]+%"

_ENDS = "and must start and end with an alphanumeric character"
_LABEL_WORDS = f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS}"
_SUBDOMAIN_WORDS = (
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ENDS}"
)
_KEY_WORDS = f"must consist of alphanumeric characters, '-', '_' or '.', {_ENDS}"
_KEY_EXAMPLES = ("MyName", "my.name", "123-abc")


def regex_error(words: str, expression: str, *examples: str) -> str:
    """What is told of a text that does not match.

    >>> regex_error("it must be", "[ab]", "a", "b")
    "it must be (e.g. 'a',  or 'b', regex used for validation is '[ab]')"
    """
    if not examples:
        return f"{words} (regex used for validation is '{expression}')"
    shown = " or ".join(f"'{each}', " for each in examples)
    return f"{words} (e.g. {shown}regex used for validation is '{expression}')"


def _longest(limit: int, unit: str = "characters") -> str:
    return f"must be no more than {limit} {unit}"


def _fits(expression: str, value: str) -> bool:
    return re.fullmatch(expression, value, re.ASCII) is not None


def dns_label(value: str) -> list[str]:
    """IsDNS1123Label."""
    found = [_longest(63)] if len(value.encode()) > 63 else []
    if not _fits(_LABEL, value):
        dots = _fits(_SUBDOMAIN, value)
        found.append("must not contain dots" if dots else regex_error(_LABEL_WORDS, _LABEL, "my-name", "123-abc"))
    return found


def dns_subdomain(value: str) -> list[str]:
    """IsDNS1123Subdomain."""
    found = [_longest(253)] if len(value.encode()) > 253 else []
    if not _fits(_SUBDOMAIN, value):
        found.append(regex_error(_SUBDOMAIN_WORDS, _SUBDOMAIN, "example.com"))
    return found


def dns_subdomain_underscored(value: str) -> list[str]:
    """IsDNS1123SubdomainWithUnderscore."""
    found = [_longest(253)] if len(value.encode()) > 253 else []
    if not _fits(_UNDERSCORED_SUBDOMAIN, value):
        words = _SUBDOMAIN_WORDS.replace("'-' or '.'", "'_', '-' or '.'")
        found.append(regex_error(words, _UNDERSCORED_SUBDOMAIN, "example.com"))
    return found


def wildcard_subdomain(value: str) -> list[str]:
    """IsWildcardDNS1123Subdomain."""
    found = [_longest(253)] if len(value.encode()) > 253 else []
    expression = rf"\*\.{_SUBDOMAIN}"
    if not _fits(expression, value):
        words = (
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist "
            "of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
        )
        found.append(regex_error(words, expression, "*.example.com"))
    return found


def path_segment(value: str) -> list[str]:
    """IsPathSegmentName."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{mark}'" for mark in "/%" if mark in value]


def qualified_name(value: str) -> list[str]:
    """IsLabelKey: a label or annotation key.

    >>> qualified_name("")[0]
    'name part must be non-empty'
    """
    found: list[str] = []
    parts = value.split("/")
    if len(parts) > 2:
        words = regex_error(_KEY_WORDS, _KEY, *_KEY_EXAMPLES)
        return [f"a valid label key {words} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    name = parts[-1]
    if len(parts) == 2:
        if not parts[0]:
            found.append("prefix part must be non-empty")
        else:
            prefix = [_longest(253, "bytes")] if len(parts[0].encode()) > 253 else []
            if not _fits(_SUBDOMAIN, parts[0]):
                prefix.append(regex_error(_SUBDOMAIN_WORDS, _SUBDOMAIN, "example.com"))
            found += [f"prefix part {each}" for each in prefix]
    if not name:
        found.append("name part must be non-empty")
    elif len(name.encode()) > 63:
        found.append(f"name part {_longest(63, 'bytes')}")
    if not _fits(_KEY, name):
        found.append(f"name part {regex_error(_KEY_WORDS, _KEY, *_KEY_EXAMPLES)}")
    return found


def label_value(value: str) -> list[str]:
    """IsLabelValue."""
    found = [_longest(63, "bytes")] if len(value.encode()) > 63 else []
    if not _fits(f"({_KEY})?", value):
        words = f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ENDS}"
        found.append(regex_error(words, f"({_KEY})?", "MyValue", "my_value", "12345"))
    return found


def config_key(value: str) -> list[str]:
    """IsConfigMapKey."""
    found = [_longest(253)] if len(value.encode()) > 253 else []
    if not _fits(_CONFIG_KEY, value):
        words = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        found.append(regex_error(words, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    if value in (".", ".."):
        found.append(f"must not be '{value}'")
    elif value.startswith(".."):
        found.append("must not start with '..'")
    return found


def env_name(value: str) -> list[str]:
    """IsRelaxedEnvVarName."""
    if not value:
        return ["environment variable name must be non-empty"]
    if all(" " <= letter <= "~" and letter != "=" for letter in value):
        return []
    return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]


def port_name(value: str) -> list[str]:
    """IsValidPortName."""
    found = [_longest(15)] if len(value.encode()) > 15 else []
    if not _fits("[-a-z0-9]+", value):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= letter <= "z" for letter in value):
        found.append("must contain at least one letter (a-z)")
    if "--" in value:
        found.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        found.append("must not begin or end with a hyphen")
    return found


def percent(value: str) -> list[str]:
    """IsValidPercent."""
    words = "a valid percent string must be a numeric string followed by an ending '%'"
    return [] if _fits(_PERCENT, value) else [regex_error(words, _PERCENT, "1%", "93%")]


def domain_prefixed_path(value: str) -> list[str]:
    """IsDomainPrefixedPath."""
    host, slash, path = value.partition("/")
    if not slash or not host or not path:
        return ['must be a domain-prefixed path (such as "acme.io/foo")']
    return dns_subdomain(host) + ([] if _fits(_PATH, path) else [regex_error("Invalid path", _PATH)])


def header_name(value: str) -> list[str]:
    """IsHTTPHeaderName."""
    words = "a valid HTTP header must consist of alphanumeric characters or '-'"
    return [] if _fits(_HEADER, value) else [regex_error(words, _HEADER, "X-Header-Name")]


def ip_address(value: str) -> list[str]:
    """IsValidIPForLegacyField, strict."""
    match names.ip_address(value):
        case "":
            return []
        case "must not have leading zeros":
            return ["must not have leading 0s"]
        case "must not be an IPv4-mapped IPv6 address":
            return ["must not be an IPv4-mapped IPv6 address"]
        case _:
            return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]


def cidr(value: str) -> list[str]:
    """IsValidCIDRForLegacyField, strict."""
    match names.cidr(value):
        case "":
            return []
        case "must not have leading zeros":
            return ["must not have leading 0s in IP or prefix length"]
        case "must not have an IPv4-mapped IPv6 address":
            return ["must not have an IPv4-mapped IPv6 address"]
        case text if text.startswith("has bits"):
            return ["must not have bits set beyond the prefix length"]
        case _:
            return ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]


def endpoint_ip(value: str) -> list[str]:
    """ValidateEndpointIP."""
    match names.endpoint_ip(value):
        case "":
            return []
        case "must not be the unspecified address":
            return [f"may not be unspecified ({value})"]
        case "must not be a loopback address (127.0.0.0/8, ::1/128)":
            return ["may not be in the loopback range (127.0.0.0/8, ::1/128)"]
        case text if "multicast" in text:
            return ["may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"]
        case _:
            return ["may not be in the link-local range (169.254.0.0/16, fe80::/10)"]


def no_backsteps(value: str) -> list[str]:
    """validatePathNoBacksteps."""
    return ["must not contain '..'"] if ".." in value.split("/") else []


def local_path(value: str) -> list[str]:
    """validateLocalDescendingPath."""
    return ["must be a relative path"] * value.startswith("/") + no_backsteps(value)


def local_file_path(value: str) -> list[str]:
    """validateLocalNonReservedPath."""
    start = value.startswith("..") and not value.startswith("../")
    return local_path(value) + ["must not start with '..'"] * start


RULES: Mapping[Callable[[str], str], Rule] = MappingProxyType(
    {
        names.dns_label: dns_label,
        names.dns_subdomain: dns_subdomain,
        names.dns_subdomain_underscored: dns_subdomain_underscored,
        names.wildcard_subdomain: wildcard_subdomain,
        names.path_segment: path_segment,
        names.qualified_name: qualified_name,
        names.label_value: label_value,
        names.config_key: config_key,
        names.env_name: env_name,
        names.port_name: port_name,
        names.percent: percent,
        names.header_name: header_name,
        names.domain_prefixed_path: domain_prefixed_path,
        names.ip_address: ip_address,
        names.endpoint_ip: endpoint_ip,
        names.cidr: cidr,
        names.no_backsteps: no_backsteps,
        names.local_path: local_path,
        names.local_file_path: local_file_path,
    }
)
"""The API server's words of each rule of ``names``."""


def shown(value: Any) -> str:
    """A value as the API server's messages show it.

    >>> shown("a"), shown(-1), shown({"b": None, "a": ["x"]}), shown(None)
    ('"a"', '-1', '{"b":null,"a":["x"]}', 'null')
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return escaped(text) if isinstance(value, dict | list) else text


def invalid(value: Any, *details: str) -> tuple[str, ...]:
    """``Invalid value``, once for each thing that is wrong."""
    return tuple(f"Invalid value: {shown(value)}: {detail}" for detail in details)


def unsupported(value: Any, allowed: tuple[str, ...] | list[str]) -> str:
    """``Unsupported value`` with those that are supported, in the API server's order."""
    return f"Unsupported value: {shown(value)}: supported values: {', '.join(map(shown, allowed))}"
