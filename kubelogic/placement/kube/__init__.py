"""One pod at a time, as kube-scheduler does it: queue order, filters, scores, preemption."""
