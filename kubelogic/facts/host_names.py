"""Names of Services that manifests mention as text: in variables, arguments and commands, and in ConfigMaps.

Only what can hardly be anything else counts: ``NAME.NAMESPACE.svc`` and longer, and the host of a URL with one label.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.templates import MAKERS, is_written, template_of, template_path
from kubelogic.patterns import regex

_LABEL = r"([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)"
_FULL = regex(rf"(?<![\w-]){_LABEL}\.{_LABEL}\.svc(?![\w-])")
_URL = regex(rf"\b[a-z][a-z0-9+.-]{{1,20}}://(?:[^/@\s\"']{{1,200}}@)?{_LABEL}(?=[:/\s\"',;?]|$)")
_NOBODY = frozenset({"localhost", "kubernetes"})
_LONGEST = 100_000
"""Characters of a text that are looked at."""


def names_in(text: str, namespace: str) -> Iterator[tuple[str, str, str]]:
    """How (``full`` or ``host``), namespace and name of each Service that a text mentions.

    >>> list(names_in("http://orders:80/x and db-0.db.shop.svc.cluster.local", "toys"))
    [('full', 'shop', 'db'), ('host', 'toys', 'orders')]
    """
    for match in _FULL.finditer(text[:_LONGEST]):
        yield "full", match[2], match[1]
    for match in _URL.finditer(text[:_LONGEST]):
        if match[1] not in _NOBODY and not match[1].isdigit():
            yield "host", namespace, match[1]


def template_facts(obj: Object) -> Iterator[Fact]:
    """What the containers of one workload mention."""
    if not is_written(obj):
        return
    start = ".".join((*template_path(obj.kind), "spec"))
    spec = template_of(obj).get("spec") or {}
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            where = f"{start}.{part}[{index}]"
            for number, variable in enumerate(container.get("env") or ()):
                yield from _mentions(obj, f"{where}.env[{number}].value", str(variable.get("value") or ""))
            for field in ("command", "args"):
                for number, text in enumerate(container.get(field) or ()):
                    yield from _mentions(obj, f"{where}.{field}[{number}]", str(text))


def config_facts(obj: Object) -> Iterator[Fact]:
    """What one ConfigMap mentions."""
    for text in (obj.document.get("data") or {}).values():
        yield from _mentions(obj, "data", str(text))


def _mentions(obj: Object, field: str, text: str) -> Iterator[Fact]:
    for how, namespace, name in names_in(text, obj.namespace) if text else ():
        yield "mentions_service", (obj.kind, obj.key, field, how, namespace, f"{namespace}/{name}")


MODULE = FactModule(
    name="host_names",
    extractors={
        **dict.fromkeys(MAKERS, (reader(template_facts, "metadata", "spec"),)),
        "ConfigMap": (reader(config_facts, "data"),),
    },
    gives=frozenset({"mentions_service"}),
)
