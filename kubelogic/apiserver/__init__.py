"""What the API server does with one request over a state: the only door into the cluster."""
