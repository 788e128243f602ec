"""Roles, bindings and who is bound, with the names that the API server gives to ServiceAccounts and their groups.

These facts are given only to questions that need them. A role's constant is ``Role namespace/name`` or
``ClusterRole name``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.selectors import label_set, selector

ACCOUNT = "system:serviceaccount:"
"""What the user name of a ServiceAccount begins with."""

MEMBER = "group "
"""What stands before the name of a group that stands for whoever is in it."""


def account_user(namespace: str, name: str) -> str:
    """The user name of a ServiceAccount.

    >>> account_user("shop", "web")
    'system:serviceaccount:shop:web'
    """
    return f"{ACCOUNT}{namespace}:{name}"


def member_of(group: str) -> str:
    """What whoever is in a group is called where no user is asked about.

    >>> member_of("devs")
    'group devs'
    """
    return f"{MEMBER}{group}"


def groups_of(user: str) -> tuple[str, ...]:
    """The groups that a user is in without anybody saying so.

    >>> groups_of("system:serviceaccount:shop:web")
    ('system:authenticated', 'system:serviceaccounts', 'system:serviceaccounts:shop')
    >>> groups_of("system:anonymous")
    ('system:unauthenticated',)
    """
    if user == "system:anonymous":
        return ("system:unauthenticated",)
    if not user.startswith(ACCOUNT):
        return ("system:authenticated",)
    namespace = user.removeprefix(ACCOUNT).partition(":")[0]
    return ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}")


def _of_user(user: str) -> Iterator[Fact]:
    for group in groups_of(user):
        yield "user_group", (user, group)


def role_facts(obj: Object) -> Iterable[Fact]:
    """The facts of one Role or ClusterRole, each once."""
    return dict.fromkeys(_role_facts(obj))


def _role_facts(obj: Object) -> Iterator[Fact]:
    role = f"{obj.kind} {obj.key}"
    yield "role", (role,)
    if obj.kind == "ClusterRole":
        labels = label_set((obj.document.get("metadata") or {}).get("labels"))
        yield "role_labels", (role, labels)
        yield "label_set", (labels,)
        for each in (obj.document.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
            yield "role_aggregates", (role, selector(each))
            yield "selector", (selector(each),)
    for index, rule in enumerate(obj.document.get("rules") or ()):
        for predicate, field in (
            ("rule_verb", "verbs"),
            ("rule_group", "apiGroups"),
            ("rule_resource", "resources"),
            ("rule_name", "resourceNames"),
            ("rule_url", "nonResourceURLs"),
        ):
            for value in rule.get(field) or ():
                yield predicate, (role, index, str(value))


def binding_facts(obj: Object) -> Iterable[Fact]:
    """The facts of one RoleBinding or ClusterRoleBinding, each once."""
    return dict.fromkeys(_binding_facts(obj))


def _binding_facts(obj: Object) -> Iterator[Fact]:
    binding = f"{obj.kind} {obj.key}"
    reference: Mapping[str, Any] = obj.document.get("roleRef") or {}
    kind, name = str(reference.get("kind") or ""), str(reference.get("name") or "")
    role = f"Role {obj.namespace}/{name}" if kind == "Role" else f"ClusterRole {name}"
    yield "binding", (binding, obj.namespace or "*", role)
    for each in obj.document.get("subjects") or ():
        name = str(each.get("name") or "")
        if each.get("kind") == "Group":
            yield "binds_group", (binding, name)
            yield "user_group", (member_of(name), name)
            continue
        user = name
        if each.get("kind") == "ServiceAccount":
            user = account_user(str(each.get("namespace") or obj.namespace), name)
        yield "binds_user", (binding, user)
        yield from _of_user(user)


def account_facts(obj: Object) -> Iterator[Fact]:
    """One ServiceAccount as a user."""
    yield from _of_user(account_user(obj.namespace, obj.name))


MODULE = FactModule(
    name="roles",
    extractors={
        "Role": role_facts,
        "ClusterRole": role_facts,
        "RoleBinding": binding_facts,
        "ClusterRoleBinding": binding_facts,
        "ServiceAccount": account_facts,
    },
    shared=frozenset({"label_set", "user_group", "selector"}),
    gives=frozenset({"binding", "user_group", "role", "role_aggregates", "rule_verb"}),
)
