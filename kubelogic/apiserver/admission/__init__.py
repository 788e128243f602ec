"""Admission plugins, one module each, named as kube-apiserver names them."""

from kubelogic.apiserver.admission import limit_ranger, pod_security, resource_quota

ADMISSION_READS = limit_ranger.READS | pod_security.READS | resource_quota.READS
"""The kinds of objects that plugins read, beside the one that is admitted."""
