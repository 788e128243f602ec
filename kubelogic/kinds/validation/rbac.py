"""Roles and bindings. No rule reads them, but manifests are full of them."""

from __future__ import annotations

from kubelogic.kinds.validation import api_words, names
from kubelogic.kinds.validation.common import check_name, metadata, required_name, selector
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path

_GROUP = "rbac.authorization.k8s.io"
_KINDS = ("Group", "ServiceAccount", "User")


def role(report: Report, tree: Tree) -> None:
    """Check a Role."""
    metadata(report, tree, names.path_segment, namespaced=True)
    _rules(report, tree, namespaced=True)


def cluster_role(report: Report, tree: Tree) -> None:
    """Check a ClusterRole."""
    metadata(report, tree, names.path_segment, namespaced=False)
    _rules(report, tree, namespaced=False)
    if "aggregationRule" in tree:
        selectors = tree["aggregationRule"].get("clusterRoleSelectors", [])
        if not selectors:
            words = "at least one clusterRoleSelector required if aggregationRule is non-nil"
            report.required(("aggregationRule", "clusterRoleSelectors"), api=words)
        for index, chosen in enumerate(selectors):
            selector(report, ("aggregationRule", "clusterRoleSelectors", index), chosen)


def _rules(report: Report, tree: Tree, *, namespaced: bool) -> None:
    for index, rule in enumerate(tree.get("rules", ())):
        path: Path = ("rules", index)
        if not rule.get("verbs"):
            report.required((*path, "verbs"), "give at least one verb", api="verbs must contain at least one value")
        if rule.get("nonResourceURLs"):
            where = (*path, "nonResourceURLs")
            if namespaced:
                words = api_words.invalid(rule["nonResourceURLs"], "namespaced rules cannot apply to non-resource URLs")
                report.add(where, "KL127", "may not be set in a Role; use a ClusterRole", api=words)
            if any(rule.get(key) for key in ("apiGroups", "resources", "resourceNames")):
                detail = "rules cannot apply to both regular resources and non-resource URLs"
                words = api_words.invalid(rule["nonResourceURLs"], detail)
                report.add(where, "KL142", "a rule is for resources or for URLs, not for both", api=words)
            continue
        for key, one in (("apiGroups", "api group"), ("resources", "resource")):
            if not rule.get(key):
                said = f"resource rules must supply at least one {one}"
                report.required((*path, key), "give at least one", api=said)


def role_binding(report: Report, tree: Tree) -> None:
    """Check a RoleBinding."""
    metadata(report, tree, names.path_segment, namespaced=True)
    _binding(report, tree, ("ClusterRole", "Role"), namespaced=True)


def cluster_role_binding(report: Report, tree: Tree) -> None:
    """Check a ClusterRoleBinding."""
    metadata(report, tree, names.path_segment, namespaced=False)
    _binding(report, tree, ("ClusterRole",), namespaced=False)


def _binding(report: Report, tree: Tree, kinds: tuple[str, ...], *, namespaced: bool) -> None:
    reference = tree.get("roleRef", {})
    path: Path = ("roleRef",)
    if reference.get("apiGroup", "") != _GROUP:
        empty = api_words.unsupported("", (_GROUP,))
        report.one_of((*path, "apiGroup"), reference.get("apiGroup"), (_GROUP,), empty=empty)
    told = tuple(reversed(kinds))
    empty = api_words.unsupported("", told)
    report.one_of((*path, "kind"), reference.get("kind"), kinds, api=told, empty=empty)
    required_name(report, (*path, "name"), reference.get("name"), names.path_segment)
    for index, subject in enumerate(tree.get("subjects", ())):
        where: Path = ("subjects", index)
        kind, name, group = subject.get("kind", ""), subject.get("name", ""), subject.get("apiGroup", "")
        report.present((*where, "name"), name)
        told = ("ServiceAccount", "User", "Group")
        report.one_of((*where, "kind"), kind, _KINDS, api=told, empty=api_words.unsupported("", told))
        if kind == "ServiceAccount":
            if name:
                check_name(report, (*where, "name"), name, names.dns_subdomain)
            if group:
                report.unsupported((*where, "apiGroup"), group, ("",))
            if not namespaced and not subject.get("namespace"):
                report.required((*where, "namespace"), "a ServiceAccount lives in a namespace")
        elif kind in _KINDS and group != _GROUP:
            report.unsupported((*where, "apiGroup"), group, (_GROUP,))
