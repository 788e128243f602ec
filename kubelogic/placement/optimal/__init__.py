"""The joint scheduler: relax over classes, split within them, repair neighbourhoods, prove bounds."""
