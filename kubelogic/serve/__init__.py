"""The Kubernetes API over a simulated cluster: HTTP, discovery, watches and tables over ``apiserver/``."""
