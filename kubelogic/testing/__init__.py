"""Hypothesis strategies, the state machine, invariants and the pytest plugin."""
