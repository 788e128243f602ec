"""Resources as people type them: plural, singular and short names, with group and version, custom kinds, one object."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.facts.quota_costs import plural_of
from kubelogic.kinds.short_names import SHORT_NAMES
from kubelogic.kinds.table import served
from kubelogic.patterns import regex
from kubelogic.reconcile.identity import IN_ROLES_ONLY

_VERBS = (
    *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
    *("use", "bind", "escalate", "impersonate", "approve", "sign", "attest", "*"),
)
_METHODS = ("get", "put", "post", "head", "options", "delete", "patch", "*")
_PARTS = frozenset(
    {"approval", "attach", "binding", "ephemeralcontainers", "eviction", "exec", "finalize", "log", "portforward"}
    | {"proxy", "resize", "scale", "status", "token"}
)
"""Parts of resources, which are easily typed behind a slash."""
_VERSION = regex(r"v[0-9]+((alpha|beta)[0-9]+)?")


class UnknownResourceError(LookupError):
    """No resource has that name. ``near`` are names that look like it."""

    def __init__(self, name: str, near: tuple[str, ...]) -> None:
        super().__init__(name, near)
        self.name, self.near = name, near

    def __str__(self) -> str:
        hint = f"; did you mean {', '.join(self.near)}?" if self.near else ""
        known = "one of a custom kind needs its CustomResourceDefinition in the input, or its group: NAME.GROUP"
        return f"there is no resource {self.name}{hint} ({known})"


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """What is meant.

    Attributes:
        group: API group; empty for the core.
        plural: as in paths and roles.
        namespaced: whether its objects are in namespaces.
        name: of the one object that is meant; empty for all of them.
    """

    group: str
    plural: str
    namespaced: bool
    name: str = ""


def resource_of(text: str, cluster: Cluster) -> Resource:
    """The resource that is typed.

    Args:
        text: ``pods``, ``pod``, ``po``, ``pod/db-0``, ``deployments.apps``, ``deployments.v1.apps``, or ``*``.
        cluster: its CustomResourceDefinitions count.

    Raises:
        UnknownResourceError: no kind has such a name.

    Source: kubectl's auth can-i, resourceFor; k8s.io/apimachinery/pkg/runtime/schema, ParseResourceArg.
    """
    base, _, name = text.partition("/")
    if base == "*":
        return Resource(group="*", plural="*", namespaced=True, name=name)
    known = {**_custom(cluster), **_resources()}
    asked = base.lower()
    found = known.get(asked) or known.get(_without_version(asked))
    if found is not None:
        return msgspec.structs.replace(found, name=name)
    plural, dot, group = base.partition(".")
    if dot and plural and group:
        return Resource(group=group, plural=plural, namespaced=True, name=name)
    raise UnknownResourceError(base, tuple(difflib.get_close_matches(base, sorted(known), n=3)))


def doubts(verb: str, meant: Resource | None, subresource: str) -> Iterator[str]:
    """What is probably typed otherwise than meant.

    Args:
        verb: as typed.
        meant: the resource; None where a path is asked about.
        subresource: its part.

    Source: kubectl's auth can-i, RunAccessCheck and Validate (its warnings).
    """
    known = _VERBS if meant is not None else _METHODS
    if verb not in known and ":" not in verb:
        near = difflib.get_close_matches(verb.lower(), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"usual ones are {', '.join(known[:8])}."
        yield f"{verb} is no verb that the API server knows, so only rules for all verbs can be for it; {hint}"
    if meant is not None and meant.name in _PARTS and not subresource:
        yield (
            f"{meant.name} is taken as the name of an object, as kubectl takes it; "
            f"--subresource {meant.name} asks about that part of {meant.plural}."
        )


def _without_version(text: str) -> str:
    plural, _, rest = text.partition(".")
    version, _, group = rest.partition(".")
    return f"{plural}.{group}" if group and _VERSION.fullmatch(version) else text


@cache
def _resources() -> Mapping[str, Resource]:
    """By plural, singular and short name, and by all of them with the group."""
    found: dict[str, Resource] = {}
    for (api_version, kind), entry in sorted(served().items()):
        group, plural = api_version.rpartition("/")[0], plural_of(kind)
        each = Resource(group=group, plural=plural, namespaced=entry.namespaced)
        for name in (plural, kind.lower(), *SHORT_NAMES.get(plural, ())):
            if group:
                found.setdefault(f"{name}.{group}", each)
            if name not in found or not group:
                found[name] = each
    for group, plural in IN_ROLES_ONLY:
        each = Resource(group=group, plural=plural, namespaced=False)
        for name in (plural, f"{plural}.{group}") if group else (plural,):
            found.setdefault(name, each)
    return MappingProxyType(found)


def _custom(cluster: Cluster) -> Mapping[str, Resource]:
    """The resources of CustomResourceDefinitions, by the same names."""
    found: dict[str, Resource] = {}
    for _, definition in sorted(cluster.objects("CustomResourceDefinition").items()):
        spec = definition.document.get("spec") or {}
        names, group = spec.get("names") or {}, str(spec.get("group") or "")
        plural = str(names.get("plural") or "")
        each = Resource(group=group, plural=plural, namespaced=spec.get("scope") != "Cluster")
        kind = str(names.get("singular") or names.get("kind") or "").lower()
        for name in (plural, kind, *map(str, names.get("shortNames") or ())):
            if name:
                found.setdefault(name, each)
                found.setdefault(f"{name}.{group}", each)
    return found
