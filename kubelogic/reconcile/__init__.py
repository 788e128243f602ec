"""One tick of the control plane, the simulated clock, the kubelet stand-in; ticks until settled."""
