"""The rules for names, labels, ports, addresses and paths: each returns what is wrong, or nothing.

Source: Kubernetes, "Object Names and IDs", "Labels and Selectors"; RFC 1123, RFC 1035.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from kubelogic.patterns import regex

_LABEL = regex(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_SUBDOMAIN = regex(SUBDOMAIN, re.ASCII)
_UNDERSCORED = regex(r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*", re.ASCII)
_KEY_NAME = regex(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_CONFIG_KEY = regex(r"[-._a-zA-Z0-9]+", re.ASCII)
_PORT_NAME = regex(r"[-a-z0-9]+", re.ASCII)
_PERCENT = regex(r"[0-9]+%", re.ASCII)
_HEADER = regex(r"[-A-Za-z0-9]+", re.ASCII)
_HTTP_PATH = regex(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", re.ASCII)
_ENDS = "and must start and end with a letter or digit"
_CACHED = 1 << 15


def _longer(value: str, limit: int) -> str:
    size = len(value.encode())
    return f"has {size} characters; at most {limit} are allowed" if size > limit else ""


@lru_cache(maxsize=_CACHED)
def dns_label(value: str) -> str:
    """A name within one DNS label: pods' containers, namespaces, Services.

    >>> dns_label("web-1"), dns_label("a.b")
    ('', 'must not contain dots')
    """
    if _LABEL.fullmatch(value):
        return _longer(value, 63)
    if _SUBDOMAIN.fullmatch(value):
        return "must not contain dots"
    return f"must consist of lower case letters, digits and '-', {_ENDS}"


@lru_cache(maxsize=_CACHED)
def dns_subdomain(value: str) -> str:
    """A name of DNS labels with dots: most objects."""
    if _SUBDOMAIN.fullmatch(value):
        return _longer(value, 253)
    return f"must consist of lower case letters, digits, '-' and '.', {_ENDS}"


def dns_subdomain_underscored(value: str) -> str:
    """A DNS search path."""
    if _UNDERSCORED.fullmatch(value):
        return _longer(value, 253)
    return f"must consist of lower case letters, digits, '-', '_' and '.', {_ENDS}"


def wildcard_subdomain(value: str) -> str:
    """A host with a leading ``*.``."""
    if value.startswith("*.") and _SUBDOMAIN.fullmatch(value[2:]):
        return _longer(value, 253)
    return "must be '*.' followed by a DNS name; only the first part may be '*'"


def path_segment(value: str) -> str:
    """A name that can stand in a URL: RBAC objects."""
    if value in (".", ".."):
        return f"must not be '{value}'"
    found = [mark for mark in "/%" if mark in value]
    return f"must not contain '{found[0]}'" if found else ""


@lru_cache(maxsize=_CACHED)
def qualified_name(value: str) -> str:
    """A label or annotation key: a name with an optional DNS prefix.

    >>> qualified_name("app.kubernetes.io/name"), qualified_name("")
    ('', 'must not be empty')
    """
    prefix, slash, name = value.rpartition("/")
    if slash and "/" in prefix:
        return "has more than one '/'; a key is NAME or PREFIX/NAME"
    if slash and not prefix:
        return "has nothing before the '/'"
    if prefix and (wrong := dns_subdomain(prefix)):
        return f"has the prefix {prefix!r}, which {wrong}"
    if not name:
        return "has nothing after the '/'" if slash else "must not be empty"
    if not _KEY_NAME.fullmatch(name):
        return f"must consist of letters, digits, '-', '_' and '.', {_ENDS}"
    return _longer(name, 63)


@lru_cache(maxsize=_CACHED)
def label_value(value: str) -> str:
    """A label's value: empty or much as a key's name.

    >>> label_value("")
    ''
    """
    if not value or _KEY_NAME.fullmatch(value):
        return _longer(value, 63)
    return f"must consist of letters, digits, '-', '_' and '.', {_ENDS} (or be empty)"


def config_key(value: str) -> str:
    """A key of a ConfigMap or Secret."""
    if not _CONFIG_KEY.fullmatch(value):
        return "must consist of letters, digits, '-', '_' and '.'"
    if value == "." or value.startswith(".."):
        return "must not be '.' nor start with '..'"
    return _longer(value, 253)


@lru_cache(maxsize=_CACHED)
def env_name(value: str) -> str:
    """An environment variable's name."""
    if not value:
        return "must not be empty"
    if all(" " <= letter <= "~" and letter != "=" for letter in value):
        return ""
    return "must consist of printable ASCII characters other than '='"


@lru_cache(maxsize=_CACHED)
def port_name(value: str) -> str:
    """The name of a container port."""
    if len(value) > 15:
        return f"has {len(value)} characters; a port name has at most 15"
    if not _PORT_NAME.fullmatch(value):
        return "must consist of lower case letters, digits and '-'"
    if not any("a" <= letter <= "z" for letter in value):
        return "must contain a letter; write a port number without quotes"
    if "--" in value or value.startswith("-") or value.endswith("-"):
        return "must not start or end with '-' nor contain '--'"
    return ""


def percent(value: str) -> str:
    """A percentage such as 25%."""
    if _PERCENT.fullmatch(value):
        return ""
    if value.isdigit():
        return "is neither a number nor a percentage; write it without quotes, or with '%'"
    return "must be a whole number without quotes or a percentage such as 25%"


def header_name(value: str) -> str:
    """The name of an HTTP header."""
    return "" if _HEADER.fullmatch(value) else "must consist of letters, digits and '-'"


def domain_prefixed_path(value: str) -> str:
    """A path with a domain before it, such as ``acme.io/foo``."""
    domain, slash, path = value.partition("/")
    if not slash or not domain or not path:
        return "must be a path with a domain before it, such as acme.io/foo"
    if wrong := dns_subdomain(domain):
        return f"has the domain {domain!r}, which {wrong}"
    return "" if _HTTP_PATH.fullmatch(path) else "has characters that a path cannot hold"


def _sloppy(value: str) -> str:
    """Without the leading zeros that old address parsers forgave."""
    if "." not in value:
        return value
    head, _, quad = value.rpartition(":")
    plain = ".".join(part.lstrip("0") or "0" if part.isdigit() else part for part in quad.split("."))
    return f"{head}:{plain}" if head else plain


@lru_cache(maxsize=1 << 12)
def parse_ip(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, or None."""
    try:
        return None if "%" in value else ipaddress.ip_address(value)
    except ValueError:
        return None


def ip_address(value: str) -> str:
    """An IP address.

    >>> ip_address("10.0.0.1"), ip_address("010.0.0.1")
    ('', 'must not have leading zeros')
    """
    address = parse_ip(value)
    if address is None:
        if parse_ip(_sloppy(value)) is not None:
            return "must not have leading zeros"
        return "must be an IP address such as 10.9.8.7 or 2001:db8::ffff"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return "must not be an IPv4-mapped IPv6 address"
    return ""


def endpoint_ip(value: str) -> str:
    """An address that can be an endpoint's."""
    address = parse_ip(value)
    if address is None:
        return ""
    if address.is_unspecified:
        return "must not be the unspecified address"
    if address.is_loopback:
        return "must not be a loopback address (127.0.0.0/8, ::1/128)"
    if address.is_link_local:
        return "must not be a link-local address (169.254.0.0/16, fe80::/10)"
    text = str(address)
    if text.startswith("224.0.0.") or (address.version == 6 and text.startswith("ff02:")):
        return "must not be a link-local multicast address (224.0.0.0/24, ff02::/10)"
    return ""


def cidr(value: str) -> str:
    """An address range.

    >>> cidr("10.0.0.0/8"), cidr("10.0.0.1/8")
    ('', 'has bits set beyond the prefix; write 10.0.0.0/8')
    """
    address, slash, bits = value.partition("/")
    try:
        if not slash or not bits.isascii() or not bits.isdigit() or "%" in value:
            raise ValueError(value)
        network = ipaddress.ip_network(f"{_sloppy(address)}/{int(bits)}", strict=False)
    except ValueError:
        return "must be an address range such as 10.9.8.0/24 or 2001:db8::/64"
    if parse_ip(address) is None or (len(bits) > 1 and bits.startswith("0")):
        return "must not have leading zeros"
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        return "must not have an IPv4-mapped IPv6 address"
    if network.network_address != parse_ip(address):
        return f"has bits set beyond the prefix; write {network}"
    return ""


def no_backsteps(value: str) -> str:
    """A path that does not climb."""
    return "must not contain '..'" if ".." in value.split("/") else ""


def local_path(value: str) -> str:
    """A relative path that stays where it is."""
    return "must be a relative path" if value.startswith("/") else no_backsteps(value)


def local_file_path(value: str) -> str:
    """As ``local_path``, for files in a volume."""
    if wrong := local_path(value):
        return wrong
    return "must not start with '..'" if value.startswith("..") and not value.startswith("../") else ""


def masked(prefix: str) -> str:
    """A generateName as the name rules see it: a trailing dash is as good as any letter."""
    return f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix
