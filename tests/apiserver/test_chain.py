"""The chain of admission is the one of kube-apiserver, as far as it is modelled, and nobody passes it by."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import kubelogic
from kubelogic.apiserver.chain import PLUGINS

UPSTREAM = [
    "AlwaysAdmit",
    "NamespaceAutoProvision",
    "NamespaceLifecycle",
    "NamespaceExists",
    "LimitPodHardAntiAffinityTopology",
    "LimitRanger",
    "ServiceAccount",
    "NodeRestriction",
    "TaintNodesByCondition",
    "AlwaysPullImages",
    "ImagePolicyWebhook",
    "PodSecurity",
    "PodNodeSelector",
    "Priority",
    "DefaultTolerationSeconds",
    "PodTolerationRestriction",
    "EventRateLimit",
    "ExtendedResourceToleration",
    "DefaultStorageClass",
    "StorageObjectInUseProtection",
    "PodGroupProtection",
    "OwnerReferencesPermissionEnforcement",
    "PersistentVolumeClaimResize",
    "RuntimeClass",
    "CertificateApproval",
    "CertificateSigning",
    "ClusterTrustBundleAttest",
    "CertificateSubjectRestriction",
    "DefaultIngressClass",
    "DenyServiceExternalIPs",
    "PodTopologyLabels",
    "PodGroupWorkloadExists",
    "NodeDeclaredFeatureValidator",
    "JobValidation",
    "PodResizeValidator",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionWebhook",
    "ResourceQuota",
    "AlwaysDeny",
]
"""AllOrderedPlugins of pkg/kubeapiserver/options/plugins.go, Kubernetes 1.36."""

PACKAGE = Path(kubelogic.__file__).parent


def test_plugins_are_in_the_order_of_kube_apiserver() -> None:
    names = [plugin.name for plugin in PLUGINS]
    assert names == sorted(names, key=UPSTREAM.index)
    assert len(set(names)) == len(names)
    assert names[-1] == "ResourceQuota"


def test_each_plugin_does_something_and_has_a_module_of_its_own() -> None:
    modules = set()
    for plugin in PLUGINS:
        halves = [half for half in (plugin.admit, plugin.validate) if half is not None]
        assert halves
        (module,) = {half.__module__ for half in halves}
        assert module.startswith("kubelogic.apiserver.admission.")
        modules.add(module)
    assert len(modules) == len(PLUGINS)
    written = {path.stem for path in (PACKAGE / "apiserver" / "admission").glob("*.py")} - {"__init__"}
    assert written == {module.rpartition(".")[2] for module in modules}


def passes_by(path: Path) -> Iterator[str]:
    """What a module does that only the API server may: put objects into a state without admission."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="tx"), attr="put" | "remove" as what)):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}: tx.{what}"
            case ast.Call(func=ast.Name(id="Transaction")):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}: Transaction"
            case ast.Call(func=ast.Name(id="replace"), args=[ast.Name(id="state")], keywords=keywords):
                if any(keyword.arg == "cluster" for keyword in keywords):
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}: replace(state, cluster=...)"


ALLOWED = {
    "reconcile/apply/carry_out.py": "opens the transaction in which all actions of a tick are carried out",
    "reconcile/drains.py": "reads the budgets of a pod; nothing is finished",
    "reconcile/loops.py": "moves a state in time",
    "verbs/capacity.py": "asks about a cluster that never becomes one",
    "verbs/drain.py": "reads the budgets of a pod; nothing is finished",
    "verbs/daemons.py": "asks about a pod that is never made",
    "verbs/explain.py": "asks about a pod as if it had no node",
    "verbs/reconciled.py": "dates CronJobs that were given without a date",
}
"""Modules that do what looks like a change of the state, and why none of it is one."""


def test_only_the_api_server_changes_the_objects_of_a_state() -> None:
    found = [
        text
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] != "apiserver" and path.relative_to(PACKAGE).as_posix() not in ALLOWED
        for text in passes_by(path)
    ]
    assert found == []
