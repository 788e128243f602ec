"""Admission plugins, one module each, named as kube-apiserver names them."""
