"""Placement problems as plain data, and what solves them. Knows nothing of Kubernetes' API."""
