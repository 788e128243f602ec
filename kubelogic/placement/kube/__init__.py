"""One pod at a time, as kube-scheduler does it: queue order, filters, scores, preemption."""

from kubelogic.placement.kube.examine import Examination, Room, Scored, examine
from kubelogic.placement.kube.sampling import wanted
from kubelogic.placement.kube.scheduler import schedule

__all__ = ["Examination", "Room", "Scored", "examine", "schedule", "wanted"]
