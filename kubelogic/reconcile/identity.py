"""What the rules of identities ask of names of resources and paths."""

from __future__ import annotations

from functools import cache

from kubelogic.facts.quota_costs import plural_of
from kubelogic.kinds.table import served

IN_ROLES_ONLY = (
    ("", "users"),
    ("", "groups"),
    ("authentication.k8s.io", "uids"),
    ("authentication.k8s.io", "userextras"),
    ("certificates.k8s.io", "signers"),
)
"""What roles name and no API serves: whom one may impersonate, and for whom one may sign. None has a namespace."""


def resource_text(group: str, resource: str, part: str) -> str:
    """A resource as kubectl writes it, with its group and the part of it.

    >>> resource_text("apps", "deployments", "scale"), resource_text("", "pods", "")
    ('deployments.apps/scale', 'pods')
    """
    return f"{resource}{'.' if group else ''}{group}{'/' if part else ''}{part}"


def named_action(verb: str, group: str, resource: str) -> str:
    """What an action is called.

    >>> named_action("get", "apps", "deployments/scale"), named_action("list", "", "pods")
    ('get deployments.apps/scale', 'list pods')
    """
    return f"{verb} {resource_text(group, resource_base(resource), resource_part(resource))}"


def resource_base(resource: str) -> str:
    """A resource without the part of it.

    >>> resource_base("pods/log"), resource_base("pods")
    ('pods', 'pods')
    """
    return resource.partition("/")[0]


def resource_part(resource: str) -> str:
    """The part of a resource; empty for the resource itself.

    >>> resource_part("pods/log"), resource_part("pods")
    ('log', '')
    """
    return resource.partition("/")[2]


def one_of(action: str, name: str) -> str:
    """What an action is called that is about one object.

    >>> one_of("get secrets", "db")
    'get secrets called db'
    """
    return f"{action} called {name}"


def told_of(begins: str, name: str) -> str:
    """Words about one object: what they begin with, and its name.

    >>> told_of("may act as the user", "ann")
    'may act as the user ann'
    """
    return f"{begins} {name}"


def has_namespace(group: str, resource: str) -> int:
    """1 if objects of a resource are in namespaces, or it is not known; 0 for those that are in none.

    >>> has_namespace("", "pods"), has_namespace("", "nodes"), has_namespace("example.com", "widgets")
    (1, 0, 1)
    """
    return int((group, resource) not in _without_namespaces())


@cache
def _without_namespaces() -> frozenset[tuple[str, str]]:
    known = {
        (api_version.rpartition("/")[0], plural_of(kind))
        for (api_version, kind), entry in served().items()
        if not entry.namespaced
    }
    return frozenset(known | set(IN_ROLES_ONLY))


def path_fits(rule: str, path: str) -> int:
    """1 if a path is one that a rule names; a star at the end stands for all that begin so.

    >>> path_fits("/healthz/*", "/healthz/etcd"), path_fits("/healthz", "/healthz/etcd"), path_fits("*", "/x")
    (1, 0, 1)
    """
    return int(path == rule or (rule.endswith("*") and path.startswith(rule.rstrip("*"))))
