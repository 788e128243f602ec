"""What the API server hands out from ranges: addresses and ports."""
