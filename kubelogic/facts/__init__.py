"""Objects to relations: all parsing and lookup of defaults happens here, once per object."""
