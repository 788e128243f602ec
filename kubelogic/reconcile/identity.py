"""What the rules of identities ask of names of resources and paths."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kubelogic.logic.compiler import Function


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


def path_fits(rule: str, path: str) -> int:
    """1 if a path is one that a rule names; a star at the end stands for all that begin so.

    >>> path_fits("/healthz/*", "/healthz/etcd"), path_fits("/healthz", "/healthz/etcd"), path_fits("*", "/x")
    (1, 0, 1)
    """
    return int(path == rule or (rule.endswith("*") and path.startswith(rule.rstrip("*"))))


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "named_action": named_action,
        "path_fits": path_fits,
        "resource_base": resource_base,
        "resource_part": resource_part,
        "resource_text": resource_text,
    }
)
"""By the name of the predicate that is declared with ``->``."""
