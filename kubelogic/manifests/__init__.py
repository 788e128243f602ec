"""Text to objects: YAML, JSON, directories and stdin, with positions, validation and defaults."""
