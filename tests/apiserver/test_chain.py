"""The chain of admission is the one of kube-apiserver, as far as it is modelled, and nobody passes it by."""

from __future__ import annotations

from pathlib import Path

import kubelogic
from kubelogic.apiserver.chain import PLUGINS

UPSTREAM = [
    "AlwaysAdmit",
    "NamespaceAutoProvision",
    "NamespaceLifecycle",
    "NamespaceExists",
    "LimitPodHardAntiAffinityTopology",
    "PodPreset",
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
"""AllOrderedPlugins of pkg/kubeapiserver/options/plugins.go, Kubernetes 1.36; PodPreset as in 1.19."""

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
