"""What kubelogic does, one function per verb: values in, values out; no printing, no global state."""
