"""What a check looks at, one module for each source of findings; ``kubelogic.verbs.check`` puts them together."""
