"""Who may do what: RBAC for everybody but the administrators.

Source: plugin/pkg/auth/authorizer/rbac (rbac.go, VerbMatches and so on); staging/src/k8s.io/apiserver,
pkg/endpoints/request/requestinfo.go and handlers/responsewriters/errors.go (ForbiddenMessage) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.facts.policies import groups_of
from kubelogic.facts.roles import account_user
from kubelogic.serve.cluster import Served
from kubelogic.serve.messages import Request
from kubelogic.serve.paths import is_true
from kubelogic.serve.statuses import RequestError, bad_request, details_of, failure

Rule = Mapping[str, Any]

MASTERS = "system:masters"
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to do."""

    verb: str
    group: str = ""
    resource: str = ""
    part: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def attributes(request: Request) -> Attributes:
    """What a request wants to do."""
    steps = request.path.strip("/").split("/")
    verb = _VERBS.get(request.method, "get")
    if steps[:1] == ["api"] and len(steps) > 2:
        group, rest = "", steps[2:]
    elif steps[:1] == ["apis"] and len(steps) > 3:
        group, rest = steps[1], steps[3:]
    else:
        return Attributes(verb=verb, path="/" + request.path.strip("/"))
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    name, part = (rest[1] if len(rest) > 1 else ""), (rest[2] if len(rest) > 2 else "")
    if not name:
        verb = {"get": "list", "delete": "deletecollection"}.get(verb, verb)
    if verb in ("get", "list") and is_true(request.query, "watch"):
        verb = "watch"
    return Attributes(verb=verb, group=group, resource=rest[0], part=part, namespace=namespace, name=name)


def check(served: Served, request: Request) -> None:
    """Refuse what the user may not do.

    Raises:
        RequestError: 403.
    """
    if MASTERS in request.groups:
        return
    wanted = attributes(request)
    if request.user == ANONYMOUS or allowed(served, request.user, request.groups, wanted):
        return
    raise _forbidden(request.user, wanted)


ANONYMOUS = "system:anonymous"
_KNOWN, _UNKNOWN = "system:authenticated", "system:unauthenticated"
_ACCOUNT = "system:serviceaccount:"


def impersonated(
    served: Served, user: str, groups: tuple[str, ...], wanted: str, wanted_groups: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """As whom a request is answered: its sender, or whom the sender says to be.

    Args:
        served: with the roles that decide.
        user: who sends it.
        groups: of the sender.
        wanted: the header ``Impersonate-User``.
        wanted_groups: the headers ``Impersonate-Group``.

    Raises:
        RequestError: 400; there are groups without a user. 403; the sender may not be somebody else.

    Source: apiserver, pkg/endpoints/filters/impersonation, WithImpersonation.
    """
    if not wanted:
        if wanted_groups:
            raise bad_request(f"requested groups {', '.join(wanted_groups)} without impersonating a user")
        return user, groups
    place, _, account = wanted.removeprefix(_ACCOUNT).partition(":") if wanted.startswith(_ACCOUNT) else ("", "", "")
    who = Attributes(verb="impersonate", resource="users", name=wanted)
    if account:
        who = Attributes(verb="impersonate", resource="serviceaccounts", namespace=place, name=account)
    of_groups = (Attributes(verb="impersonate", resource="groups", name=each) for each in wanted_groups)
    for each in (who, *of_groups):
        if not allowed(served, user, groups, each):
            raise _forbidden(user, each)
    if account and not wanted_groups:
        wanted_groups = (f"{_ACCOUNT[:-1]}s", f"{_ACCOUNT[:-1]}s:{place}")
    own = _UNKNOWN if wanted == ANONYMOUS else _KNOWN
    return wanted, wanted_groups if {_KNOWN, _UNKNOWN} & set(wanted_groups) else (*wanted_groups, own)


def identity_of(account: str) -> tuple[str, tuple[str, ...]]:
    """The user and groups of a ServiceAccount, by key."""
    namespace, _, name = account.partition("/")
    user = account_user(namespace, name)
    return user, tuple(groups_of(user))


def _forbidden(user: str, wanted: Attributes) -> RequestError:
    details = details_of(wanted.resource, wanted.name, wanted.group)
    return failure(403, "Forbidden", _message(user, wanted), details=details)


def _message(user: str, wanted: Attributes) -> str:
    if wanted.path:
        return f'forbidden: User "{user}" cannot {wanted.verb} path "{wanted.path}"'
    resource = f"{wanted.resource}/{wanted.part}" if wanted.part else wanted.resource
    qualified = f"{wanted.resource}.{wanted.group}" if wanted.group else wanted.resource
    subject = f'{qualified} "{wanted.name}" is' if wanted.name else f"{qualified} is"
    place = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    return (
        f'{subject} forbidden: User "{user}" cannot {wanted.verb} resource "{resource}" in API group '
        f'"{wanted.group}" {place}'
    )


def allowed(served: Served, user: str, groups: tuple[str, ...], wanted: Attributes) -> bool:
    """Whether somebody may do something."""
    return allows(served.cluster, user, groups, wanted)


def allows(cluster: Cluster, user: str, groups: tuple[str, ...], wanted: Attributes) -> bool:
    """Whether the roles of a cluster let somebody do something."""
    if MASTERS in groups:
        return True
    return any(_permits(rule, wanted) for rule in rules_in(cluster, user, groups, wanted.namespace))


def rules_in(cluster: Cluster, user: str, groups: tuple[str, ...], namespace: str) -> Iterator[Rule]:
    """The rules that count for somebody: of all roles that are bound to the user or a group."""
    if MASTERS in groups:
        yield {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
        yield {"nonResourceURLs": ["*"], "verbs": ["*"]}
        return
    for binding in cluster.objects("ClusterRoleBinding").values():
        if _binds(binding.document, user, groups, ""):
            yield from _role(cluster, binding.document, "")
    if namespace:
        for binding in cluster.objects("RoleBinding").values():
            if binding.namespace == namespace and _binds(binding.document, user, groups, namespace):
                yield from _role(cluster, binding.document, namespace)


def _binds(binding: Mapping[str, Any], user: str, groups: tuple[str, ...], namespace: str) -> bool:
    for subject in binding.get("subjects") or ():
        name = str(subject.get("name"))
        match subject.get("kind"):
            case "User" if name == user:
                return True
            case "Group" if name in groups:
                return True
            case "ServiceAccount" if user == account_user(subject.get("namespace") or namespace, name):
                return True
    return False


def _role(cluster: Cluster, binding: Mapping[str, Any], namespace: str) -> Iterator[Rule]:
    reference = binding.get("roleRef") or {}
    name = str(reference.get("name"))
    kind = str(reference.get("kind"))
    found = cluster.get(kind, f"{namespace}/{name}" if kind == "Role" else name)
    if found is not None:
        yield from found.document.get("rules") or ()


def _permits(rule: Rule, wanted: Attributes) -> bool:
    verbs = rule.get("verbs") or ()
    if "*" not in verbs and wanted.verb not in verbs:
        return False
    if wanted.path:
        return any(_matches_path(str(each), wanted.path) for each in rule.get("nonResourceURLs") or ())
    groups = rule.get("apiGroups") or ()
    if "*" not in groups and wanted.group not in groups:
        return False
    named = f"{wanted.resource}/{wanted.part}" if wanted.part else wanted.resource
    resources = rule.get("resources") or ()
    if not ({"*", named} & set(resources) or (wanted.part and f"*/{wanted.part}" in resources)):
        return False
    names = rule.get("resourceNames") or ()
    return not names or wanted.name in names


def _matches_path(pattern: str, path: str) -> bool:
    if pattern in ("*", path):
        return True
    return pattern.endswith("*") and path.startswith(pattern[:-1])
