"""What single kinds do with requests beyond admission."""
