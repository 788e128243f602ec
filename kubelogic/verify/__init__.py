"""What holds whatever happens: failures of nodes, rollouts, drains, orders of arrival."""
