"""What a request asks for: its path and its query, taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

import msgspec

from kubelogic.serve.resources import Resource, Subresource, lookup
from kubelogic.serve.statuses import no_such_path, no_such_resource


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a path names.

    Attributes:
        resource: the resource.
        namespace: empty for all namespaces, or for what is in none.
        name: empty for the collection.
        part: the subresource, if one is named.
        rest: what follows the subresource, as paths of proxies do.
    """

    resource: Resource
    namespace: str = ""
    name: str = ""
    part: Subresource | None = None
    rest: str = ""

    @property
    def key(self) -> str:
        """The key of the object."""
        return f"{self.namespace}/{self.name}" if self.resource.namespaced else self.name


def target(path: str, resources: Sequence[Resource]) -> Target:
    """What a path under ``/api`` or ``/apis`` names.

    >>> from kubelogic.serve.resources import built_in
    >>> found = target("/api/v1/namespaces/shop/pods/cart/status", built_in())
    >>> found.resource.plural, found.namespace, found.name, found.part.name
    ('pods', 'shop', 'cart', 'status')

    Raises:
        RequestError: 404; nothing of that name is served.
    """
    steps = [unquote(step) for step in path.strip("/").split("/")]
    if steps[:1] == ["api"] and len(steps) > 2:
        group, version, rest = "", steps[1], steps[2:]
    elif steps[:1] == ["apis"] and len(steps) > 3:
        group, version, rest = steps[1], steps[2], steps[3:]
    else:
        raise no_such_resource()
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and not (not group and rest[2] in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    resource = lookup(resources, group, version, rest[0])
    if resource is None and not any((each.group, each.version) == (group, version) for each in resources):
        raise no_such_path()
    if resource is None or (namespace and not resource.namespaced) or any(not step for step in rest):
        raise no_such_resource()
    name = rest[1] if len(rest) > 1 else ""
    if name and resource.namespaced and not namespace:
        raise no_such_resource()
    part = None
    if len(rest) > 2:
        part = resource.subresource(rest[2])
        if part is None or (len(rest) > 3 and part.name != "proxy"):
            raise no_such_resource()
    return Target(resource=resource, namespace=namespace, name=name, part=part, rest="/".join(rest[3:]))


Query = Mapping[str, str]
"""The parameters of a request; of a repeated one the first."""


def is_true(query: Query, name: str) -> bool:
    """Whether a boolean parameter is set; a parameter without a value is, too."""
    return name in query and query[name].lower() not in ("false", "0")
