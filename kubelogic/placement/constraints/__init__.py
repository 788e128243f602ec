"""What keeps pods from nodes, one module a constraint: arrays, integers, bounds, assumptions and filters of it."""
