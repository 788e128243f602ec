"""What Kubernetes knows of one document: fields, defaults, validation, quantities, names."""
