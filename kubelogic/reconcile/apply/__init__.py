"""What each kind of action does to a cluster: one module for each group of kinds, ``carry_out`` for all of them."""
