"""Patches and applied manifests: one document and a change give the next document. Nothing here knows a state.

- ``strategic.strategic_merge``, ``plain.merge_patch`` and ``plain.json_patch`` are the three kinds of PATCH.
- ``server_side.server_side_apply`` and ``client_side.client_side_apply`` are what ``kubectl apply`` does, with
  ``--server-side`` and without.

All of them raise ``PatchError`` for what the API server answers with an error, and change none of their arguments.
"""

KUBECTL = "kubectl"
"""Who applies where nobody says otherwise."""
