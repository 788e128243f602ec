"""What the API server adds to objects and what it refuses: one module for each admission plugin or group of kinds."""
