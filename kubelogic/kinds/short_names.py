"""The short names of resources, as kubectl takes them.

Source: the ShortNames of pkg/registry/*/*/storage of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SHORT_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "certificatesigningrequests": ("csr",),
        "componentstatuses": ("cs",),
        "configmaps": ("cm",),
        "cronjobs": ("cj",),
        "customresourcedefinitions": ("crd", "crds"),
        "daemonsets": ("ds",),
        "deployments": ("deploy",),
        "endpoints": ("ep",),
        "events": ("ev",),
        "horizontalpodautoscalers": ("hpa",),
        "ingresses": ("ing",),
        "ipaddresses": ("ip",),
        "limitranges": ("limits",),
        "namespaces": ("ns",),
        "networkpolicies": ("netpol",),
        "nodes": ("no",),
        "persistentvolumeclaims": ("pvc",),
        "persistentvolumes": ("pv",),
        "poddisruptionbudgets": ("pdb",),
        "pods": ("po",),
        "priorityclasses": ("pc",),
        "replicasets": ("rs",),
        "replicationcontrollers": ("rc",),
        "resourcequotas": ("quota",),
        "serviceaccounts": ("sa",),
        "services": ("svc",),
        "statefulsets": ("sts",),
        "storageclasses": ("sc",),
        "volumeattributesclasses": ("vac",),
    }
)
"""By the plural of the resource."""
