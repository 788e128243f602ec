"""Can-i: may somebody do something, by which binding and role; or who may."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.explain.origins import GOALS, Origins
from kubelogic.facts.quota_costs import plural_of
from kubelogic.facts.roles import groups_of
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.kinds.table import served
from kubelogic.logic import Row, Rulebook, Value
from kubelogic.logic.proofs import Proof, Prover
from kubelogic.reconcile.identity import resource_text
from kubelogic.reconcile.relations import Relations
from kubelogic.text import Location
from kubelogic.verbs.missing import NOTHING, Lacking, lacking
from kubelogic.verbs.reconciled import begin

EVERYWHERE = "*"
"""All namespaces, and objects without one."""

MASTERS = "system:masters"


class UnknownResourceError(LookupError):
    """No resource has that name. ``near`` are names that look like it."""

    def __init__(self, name: str, near: tuple[str, ...]) -> None:
        super().__init__(name)
        self.name, self.near = name, near

    def __str__(self) -> str:
        hint = f"; did you mean {', '.join(self.near)}?" if self.near else ""
        return f"there is no resource {self.name}{hint} (one of a custom kind needs its group: NAME.GROUP)"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One way by which a user may: a binding and a rule of a role, with their places."""

    user: str
    namespace: str
    binding: str
    role: str
    rule: int
    binding_place: Location | None = None
    rule_place: Location | None = None


class CanI(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. Without a user, ``grants`` say who may."""

    rulebook: Rulebook
    user: str
    action: str
    namespace: str
    allowed: bool
    grants: tuple[Grant, ...] = ()
    proof: Proof | None = None
    remarks: tuple[str, ...] = ()
    lacking: Lacking = NOTHING
    unsure: bool = False
    """Whether it is not allowed by what is in the input, and what is not there may allow it."""


def can_i(
    cluster: Cluster,
    verb: str,
    resource: str,
    *,
    user: str = "",
    groups: Sequence[str] = (),
    namespace: str = "default",
    subresource: str = "",
    rules: Sequence[Path] = (),
    parameters: Mapping[str, Value] | None = None,
) -> CanI:
    """Whether a user may do something, or who may.

    Args:
        cluster: with roles and bindings.
        verb: such as ``get`` or ``*``.
        resource: ``pods``, ``pod/db-0``, ``deployments.apps``, or a path such as ``/metrics``.
        user: as the API server calls it, such as ``system:serviceaccount:shop:web``; empty to ask who may.
        groups: further groups of the user.
        namespace: where; ``*`` for all of them. Objects without a namespace are meant whatever it is.
        subresource: such as ``log``.
        rules: directories of further rules.
        parameters: rule parameters that differ from the built-in ones.

    Raises:
        UnknownResourceError: no kind has such a name.
        RuleErrors: if the rules or the parameters are faulty.

    Source: plugin/pkg/auth/authorizer/rbac/rbac.go, Authorize; kubectl's auth can-i for what is typed.
    """
    book = load_rulebook(rules, parameters)
    state = begin(cluster, book)[0]
    facts: list[tuple[str, Row]] = [("asked_member", (user, group)) for group in (*groups, *groups_of(user)) if user]
    if resource.startswith("/"):
        action, namespaced = f"{verb} {resource}", False
        facts.append(("asked_path", (action, verb, resource)))
    else:
        group, plural, name, namespaced = _resource(resource)
        action = f"{verb} {resource_text(group, plural, subresource)}{' called ' if name else ''}{name}"
        facts.append(("asked_action", (action, verb, group, plural, subresource, name)))
    where = namespace if namespaced else EVERYWHERE
    evaluation = Relations.of(book, state.with_world(add=facts), ["granted", "may_do", *GOALS])
    rows = [row for row in sorted(evaluation.rows("granted")) if row[2] in (where, EVERYWHERE)]
    rows = [row for row in rows if not user or row[0] == user]
    master = bool(user) and MASTERS in groups
    proof = None
    if user and rows:
        prover = Prover(evaluation, origin=Origins(state, evaluation, loaded=cluster))
        proof = prover.prove("may_do", (user, action, rows[0][2]))
    answer = CanI(
        rulebook=book,
        user=user,
        action=action,
        namespace=where,
        allowed=bool(rows) or master,
        grants=tuple(_grant(state.cluster, row) for row in rows),
        proof=proof,
        lacking=lacking(cluster, state.cluster),
    )
    dangling = _dangling(state.cluster)
    about = [each for each in dangling if not user or _names(each, user, {*groups, *groups_of(user)})]
    return replace(
        answer,
        remarks=tuple(_remarks(state.cluster, dangling, master=master)),
        unsure=not answer.allowed and (bool(about) or not _has_bindings(state.cluster)),
    )


def _has_bindings(cluster: Cluster) -> bool:
    """Whether bindings were printed at all: every cluster has some of its own."""
    return bool(cluster.objects("RoleBinding") or cluster.objects("ClusterRoleBinding"))


def _dangling(cluster: Cluster) -> list[Object]:
    """The bindings to roles that are not in the input."""
    found = [
        obj
        for kind in ("RoleBinding", "ClusterRoleBinding")
        for obj in cluster.objects(kind).values()
        if not _has_role(cluster, obj.namespace, obj.document.get("roleRef") or {})
    ]
    return sorted(found, key=str)


def _names(binding: Object, user: str, groups: set[str]) -> bool:
    """Whether a user, or one of its groups, is a subject of a binding. Source: rbac.go, appliesToUser."""
    for subject in binding.document.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name") or ""
        account = f"system:serviceaccount:{subject.get('namespace') or binding.namespace}:{name}"
        if name in groups if kind == "Group" else user == (account if kind == "ServiceAccount" else name):
            return True
    return False


def _remarks(cluster: Cluster, dangling: Sequence[Object], *, master: bool) -> Iterator[str]:
    if master:
        yield f"The group {MASTERS} may do everything, whatever roles say."
    if not cluster.objects("ClusterRole") and not cluster.objects("Role"):
        yield (
            "There is no role in the input: kubectl get roles,rolebindings,clusterroles,clusterrolebindings -A -o yaml "
            "brings those of a cluster."
        )
    if dangling:
        more = f" and {len(dangling) - 3} more" if len(dangling) > 3 else ""
        told = ", ".join(map(str, dangling[:3]))
        yield f"Bindings to roles that are not in the input, which may grant more: {told}{more}."


def _has_role(cluster: Cluster, namespace: str, reference: Mapping[str, str]) -> bool:
    kind, name = reference.get("kind") or "", reference.get("name") or ""
    return cluster.get(kind, f"{namespace}/{name}" if kind == "Role" else name) is not None


def _grant(cluster: Cluster, row: Row) -> Grant:
    user, _, namespace, binding, role, rule = row
    return Grant(
        user=str(user),
        namespace=str(namespace),
        binding=str(binding),
        role=str(role),
        rule=int(rule),
        binding_place=_place(cluster, str(binding), ("roleRef",)),
        rule_place=_place(cluster, str(role), ("rules", int(rule))),
    )


def _place(cluster: Cluster, constant: str, path: tuple[str | int, ...]) -> Location | None:
    kind, _, key = constant.partition(" ")
    found = cluster.get(kind, key)
    return found.origin.locate(path) if found is not None and found.origin else None


_IN_ROLES_ONLY = (
    ("", "users"),
    ("", "groups"),
    ("authentication.k8s.io", "uids"),
    ("authentication.k8s.io", "userextras"),
    ("certificates.k8s.io", "signers"),
)
"""What roles name and no API serves: whom one may impersonate, and for whom one may sign. None has a namespace."""


@cache
def _resources() -> Mapping[str, tuple[str, str, bool]]:
    """Group, plural and whether it has a namespace, by plural, singular, and both with the group."""
    found: dict[str, tuple[str, str, bool]] = {}
    for (api_version, kind), known in sorted(served().items()):
        group = api_version.rpartition("/")[0]
        plural = plural_of(kind)
        for name in (plural, kind.lower()):
            if group:
                found.setdefault(f"{name}.{group}", (group, plural, known.namespaced))
            if name not in found or not group:
                found[name] = (group, plural, known.namespaced)
    for group, plural in _IN_ROLES_ONLY:
        for name in (plural, f"{plural}.{group}") if group else (plural,):
            found.setdefault(name, (group, plural, False))
    return found


def _resource(text: str) -> tuple[str, str, str, bool]:
    """Group, plural, name and whether it has a namespace, of what is typed.

    >>> _resource("pod/db-0"), _resource("deployments"), _resource("widgets.example.com")
    (('', 'pods', 'db-0', True), ('apps', 'deployments', '', True), ('example.com', 'widgets', '', True))
    """
    base, _, name = text.partition("/")
    if base == "*":
        return "*", "*", name, True
    known = _resources().get(base.lower())
    if known is not None:
        return known[0], known[1], name, known[2]
    plural, dot, group = base.partition(".")
    if dot and plural and group:
        return group, plural, name, True
    raise UnknownResourceError(base, tuple(difflib.get_close_matches(base, sorted(_resources()), n=3)))
