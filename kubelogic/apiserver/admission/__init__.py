"""Admission plugins, one module each, named as kube-apiserver names them."""

from kubelogic.apiserver import policies
from kubelogic.apiserver.admission import limit_ranger, pod_preset, pod_security, resource_quota

ADMISSION_READS = limit_ranger.READS | pod_preset.READS | pod_security.READS | policies.READS | resource_quota.READS
"""The kinds of objects that plugins read, beside the one that is admitted."""
