"""The ClusterRoles that every API server makes of itself, where manifests bind them without having them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from kubelogic.apiserver.bootstrap_roles import bootstrap_roles
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.objects import as_object
from kubelogic.explain.units import some


class WithRoles(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster with the roles that its bindings name, as far as they are known.

    Attributes:
        cluster: with the ClusterRoles that every API server makes, if a binding names one of them that was not read.
        assumed: the names of those that bindings name and that were not read.
        dangling: bindings to roles of which nothing is known.
    """

    cluster: Cluster
    assumed: tuple[str, ...] = ()
    dangling: tuple[Object, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What an answer about roles does not know, or takes for granted."""
        said = []
        if self.assumed:
            it, roles = ("it", "ClusterRole") if len(self.assumed) == 1 else ("them", "ClusterRoles")
            said.append(f"Not in the input, and taken as every API server makes {it}: {roles} {some(self.assumed)}.")
        if self.dangling:
            told = some([str(each) for each in self.dangling])
            said.append(f"Bindings to roles that are not in the input, which may grant more: {told}.")
        return tuple(said)


def with_default_roles(cluster: Cluster) -> WithRoles:
    """The cluster with the roles that every API server makes, where a binding names one of them that was not read.

    All of them come then: those that take in the rules of others do so with the roles of the input, too.

    Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go: the API server makes them anew when it starts.
    """
    vain = [binding for binding in _bindings(cluster) if not _has_role(cluster, binding)]
    shipped = _shipped()
    named = {binding: str(_reference(binding).get("name") or "") for binding in vain if _is_cluster_role(binding)}
    assumed = sorted({name for name in named.values() if name in shipped})
    dangling = sorted((each for each in vain if named.get(each) not in shipped), key=str)
    if assumed:
        there = cluster.objects("ClusterRole")
        cluster = Cluster.of([*cluster, *(role for name, role in shipped.items() if name not in there)], cluster.unread)
    return WithRoles(cluster=cluster, assumed=tuple(assumed), dangling=tuple(dangling))


@cache
def _shipped() -> Mapping[str, Object]:
    return {
        str(each["metadata"]["name"]): as_object(each) for each in bootstrap_roles() if each["kind"] == "ClusterRole"
    }


def _bindings(cluster: Cluster) -> Iterable[Object]:
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        yield from cluster.objects(kind).values()


def _reference(binding: Object) -> Mapping[str, Any]:
    return binding.document.get("roleRef") or {}


def _is_cluster_role(binding: Object) -> bool:
    return _reference(binding).get("kind") == "ClusterRole"


def _has_role(cluster: Cluster, binding: Object) -> bool:
    kind, name = str(_reference(binding).get("kind") or ""), str(_reference(binding).get("name") or "")
    return cluster.get(kind, f"{binding.namespace}/{name}" if kind == "Role" else name) is not None
