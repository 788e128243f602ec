"""Can-i: may somebody do something, by which binding and role; or who may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.explain.origins import GOALS, Origins
from kubelogic.facts.roles import groups_of
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Row, Rulebook, Value
from kubelogic.logic.proofs import Proof, Prover
from kubelogic.reconcile.identity import resource_text
from kubelogic.reconcile.relations import Relations
from kubelogic.text import Location
from kubelogic.verbs.default_roles import with_default_roles
from kubelogic.verbs.missing import NOTHING, Lacking, lacking
from kubelogic.verbs.reconciled import begin
from kubelogic.verbs.resource_names import Resource, doubts, resource_of

EVERYWHERE = "*"
"""All namespaces, and objects without one."""

NOWHERE = ""
"""Where what is asked about has no namespace."""

MASTERS = "system:masters"


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
    """Where; ``*`` for all namespaces, empty for what is in none."""
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
        resource: ``pods``, ``po``, ``pod/db-0``, ``deployments.apps``, or a path such as ``/metrics``; custom kinds by
            their CustomResourceDefinition, or with their group.
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
    known = with_default_roles(cluster)
    state = begin(known.cluster, book)[0]
    all_groups = (*groups, *groups_of(user)) if user else ()
    facts: list[tuple[str, Row]] = [("asked_member", (user, group)) for group in all_groups]
    meant = None
    if resource.startswith("/"):
        action, where = f"{verb} {resource}", NOWHERE
        facts.append(("asked_path", (action, verb, resource)))
    else:
        meant = resource_of(resource, cluster)
        text = resource_text(meant.group, meant.plural, subresource)
        action = f"{verb} {text}{' called ' if meant.name else ''}{meant.name}"
        where = _where(meant, namespace)
        facts.append(("asked_action", (action, verb, meant.group, meant.plural, subresource, meant.name)))
    evaluation = Relations.of(book, state.with_world(add=facts), ["granted", "may_do", *GOALS])
    rows = [row for row in sorted(evaluation.rows("granted")) if row[2] in (where, EVERYWHERE)]
    rows = [row for row in rows if not user or row[0] == user]
    master = bool(user) and MASTERS in groups
    proof = None
    if user and rows:
        prover = Prover(evaluation, origin=Origins(state, evaluation, loaded=cluster))
        proof = prover.prove("may_do", (user, action, rows[0][2]))
    allowed = bool(rows) or master
    about = [each for each in known.dangling if not user or _names(each, user, set(all_groups))]
    return CanI(
        rulebook=book,
        user=user,
        action=action,
        namespace=where,
        allowed=allowed,
        grants=tuple(_grant(state.cluster, row) for row in rows),
        proof=proof,
        lacking=lacking(cluster, state.cluster),
        remarks=(
            *_masters(user, groups),
            *(() if allowed else _account(cluster, user)),
            *doubts(verb, meant, subresource),
            *_without_roles(cluster),
            *known.remarks,
        ),
        unsure=not allowed and (bool(about) or not _has_bindings(cluster)),
    )


def _where(meant: Resource, namespace: str) -> str:
    """In which namespace a request is: none for what has none, but that of itself for a namespace by its name.

    Source: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go, NewRequestInfo.
    """
    if (meant.group, meant.plural) == ("", "namespaces") and meant.name:
        return meant.name
    return namespace if meant.namespaced else NOWHERE


def _has_bindings(cluster: Cluster) -> bool:
    """Whether bindings were printed at all: every cluster has some of its own."""
    return bool(cluster.objects("RoleBinding") or cluster.objects("ClusterRoleBinding"))


def _names(binding: Object, user: str, groups: set[str]) -> bool:
    """Whether a user, or one of its groups, is a subject of a binding. Source: rbac.go, appliesToUser."""
    for subject in binding.document.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name") or ""
        account = f"system:serviceaccount:{subject.get('namespace') or binding.namespace}:{name}"
        if name in groups if kind == "Group" else user == (account if kind == "ServiceAccount" else name):
            return True
    return False


def _masters(user: str, groups: Sequence[str]) -> Iterator[str]:
    if MASTERS in groups:
        yield f"The group {MASTERS} may do everything, whatever roles say."
    elif user == MASTERS:
        yield f"{MASTERS} is the name of a group: --as NAME --as-group {MASTERS} asks about who is in it."
    elif not user:
        yield f"Beside these, whoever is in the group {MASTERS} may do everything, whatever roles say."


def _account(cluster: Cluster, user: str) -> Iterator[str]:
    """A hint where a user is called as ServiceAccounts are, whose user has a longer name."""
    found = sorted(key for key, each in cluster.objects("ServiceAccount").items() if user in (each.name, key))
    if found:
        named = " or ".join(f"--as system:serviceaccount:{each.replace('/', ':')}" for each in found[:3])
        yield f"{user} is the name of a ServiceAccount, not of its user: {named} asks about it."


def _without_roles(cluster: Cluster) -> Iterator[str]:
    if not cluster.objects("ClusterRole") and not cluster.objects("Role"):
        yield (
            "There is no role in the input: kubectl get roles,rolebindings,clusterroles,clusterrolebindings -A -o yaml "
            "brings those of a cluster."
        )


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
    return found.place(path) if found is not None else None
