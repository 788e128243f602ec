"""One pod at a time, as kube-scheduler does it: queue order, filters, scores, preemption."""

from kubelogic.placement.kube.scheduler import schedule

__all__ = ["schedule"]
