"""Admission plugins, one module each, named as kube-apiserver names them."""

from kubelogic.apiserver.admission import limit_ranger, resource_quota

ADMISSION_READS = limit_ranger.READS | resource_quota.READS
"""The kinds of objects that plugins read, beside the one that is admitted."""
