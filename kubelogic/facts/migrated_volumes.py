"""In-tree volumes as the volumes of the CSI drivers that have taken them over.

Source: csi-translation-lib 1.36, plugins/in_tree_volume.go; kube-scheduler 1.36, VolumeBinding, tryTranslatePVToCSI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_GA, _BETA = "topology.kubernetes.io", "failure-domain.beta.kubernetes.io"
MIGRATED_KINDS: Mapping[str, tuple[str, str]] = {
    "awsElasticBlockStore": ("kubernetes.io/aws-ebs", "topology.ebs.csi.aws.com/zone"),
    "cinder": ("kubernetes.io/cinder", "topology.cinder.csi.openstack.org/zone"),
    "gcePersistentDisk": ("kubernetes.io/gce-pd", "topology.gke.io/zone"),
}
"""In-tree kinds of volumes that the scheduler reads as those of their CSI drivers, on nodes that say so: the plugin,
and the driver's own label for zones. Those of Azure and Portworx keep their labels."""


def as_migrated(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A volume with its zones on the label of the CSI driver that has taken it over; as it is if there is none.

    Source: csi-translation-lib 1.36, translateTopologyFromInTreeToCSI, getTopologyLabel.
    """
    spec = document.get("spec") or {}
    key = next((label for kind, (_, label) in MIGRATED_KINDS.items() if spec.get(kind)), "")
    if not key:
        return document
    labels = document["metadata"].get("labels") or {}
    terms = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or ()
    named = {each["key"] for term in terms for each in term.get("matchExpressions") or ()}
    domain = next((each for names in (named, labels) for each in (_GA, _BETA) if f"{each}/zone" in names), _GA)
    zone, region = f"{domain}/zone", f"{domain}/region"
    renamed = {zone: key, region: f"{_GA}/region"}
    found = [
        {
            **term,
            "matchExpressions": [
                {**each, "key": renamed.get(each["key"], each["key"])} for each in term.get("matchExpressions") or ()
            ],
        }
        for term in terms
    ]
    if zone not in named and zone in labels:
        zones = sorted({part.strip() for part in str(labels[zone]).split("__")} - {""})
        asked = [{"key": key, "operator": "In", "values": zones}] if zones else []
        found = [
            {**term, "matchExpressions": [*(term.get("matchExpressions") or ()), *asked]} for term in found or [{}]
        ]
    return {**document, "spec": {**spec, "nodeAffinity": {"required": {"nodeSelectorTerms": found}}}}
