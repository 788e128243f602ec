"""``kubectl apply`` without ``--server-side``: a patch of three documents (last applied, new, live).

What the new manifest has is set; what the last applied one had and the new one has not is removed; the rest stays.

Source: k8s.io/apimachinery, pkg/util/strategicpatch/patch.go (CreateThreeWayMergePatch, diffMaps, diffLists);
k8s.io/kubectl, pkg/cmd/apply/patcher.go and pkg/util/apply.go (GetModifiedConfiguration) of Kubernetes 1.36.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver.patches.errors import PatchError
from kubelogic.apiserver.patches.lists import by_order, common_type, element_place, require_keys, unique
from kubelogic.apiserver.patches.strategic import (
    DELETE_FROM,
    DIRECTIVE,
    RETAIN_KEYS,
    SET_ORDER,
    merged_mapping,
    strategic_merge,
)
from kubelogic.kinds.merging import PatchRule, code_of, element_type, patch_rule, type_of

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which kubectl keeps the manifest that it applied last."""

Json = dict[str, Any]


def last_applied(document: Mapping[str, Any]) -> Json | None:
    """The manifest that ``kubectl apply`` noted in an object; None if there is none, or it cannot be read."""
    text = ((document.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    if not isinstance(text, str):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def as_last_applied(manifest: Mapping[str, Any]) -> str:
    """What the API server notes of a manifest that kubectl applies on the server: no annotations where there are none.

    Source: k8s.io/apimachinery, pkg/util/managedfields/internal/lastappliedupdater.go, buildLastApplied.
    """
    metadata = dict(manifest.get("metadata") or {})
    annotations = {key: each for key, each in (metadata.pop("annotations", None) or {}).items() if key != LAST_APPLIED}
    if annotations:
        metadata["annotations"] = annotations
    return json.dumps({**manifest, "metadata": metadata}, separators=(",", ":"), sort_keys=True) + "\n"


def annotated(manifest: Mapping[str, Any]) -> Json:
    """The manifest with itself in the annotation that the next apply reads."""
    metadata = dict(manifest.get("metadata") or {})
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED}
    plain = {**manifest, "metadata": {**metadata, "annotations": annotations}}
    text = json.dumps(plain, separators=(",", ":"), sort_keys=True) + "\n"
    return {**manifest, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: text}}}


def client_side_apply(
    live: Mapping[str, Any], manifest: Mapping[str, Any], *, before: Mapping[str, Any] | None = None
) -> Json:
    """The live object after ``kubectl apply`` of a manifest.

    Args:
        live: the object as it is stored.
        manifest: as written.
        before: the manifest that was applied last; None: what the object's annotation says.

    Raises:
        PatchError: a list lacks the key by which it merges, or the kind has no types.
    """
    return strategic_merge(live, three_way_patch(live, annotated(manifest), before=before))


def three_way_patch(
    live: Mapping[str, Any], manifest: Mapping[str, Any], *, before: Mapping[str, Any] | None = None
) -> Json:
    """The strategic merge patch that ``kubectl apply`` sends. Arguments as for ``client_side_apply``."""
    type_name = type_of(live)
    if not type_name:
        raise PatchError("strategic merge patches are for built-in kinds: send a merge patch", status=415)
    noted = before if before is not None else last_applied(live) or {}
    code = f"@{type_name}"
    old, new, now = (copy.deepcopy(dict(each)) for each in (noted, manifest, live))
    changes = _difference(now, new, code, deletions=False)
    deletions = _difference(old, new, code, deletions=True)
    return merged_mapping(deletions, changes, code, final=False)


def _difference(old: Json, new: Json, code: str, *, deletions: bool, retain: bool = False) -> Json:
    """What makes ``new`` of ``old``: either what goes, or what comes and changes."""
    patch: Json = {}
    for key, value in new.items():
        if key not in old or type(old[key]) is not type(value):
            if not deletions:
                patch[key] = value
            continue
        type_name = element_type(code) if not code.startswith("{") else ""
        inner = code[1:] if code.startswith("{") else code_of(type_name, key)
        rule = patch_rule(type_name, key) if type_name else PatchRule()
        if isinstance(value, dict) and rule.strategy != "replace":
            change = _difference(old[key], value, inner, deletions=deletions, retain=rule.retain_keys)
            if change:
                patch[key] = change
        elif isinstance(value, list) and rule.strategy == "merge":
            patch.update(_list_difference(old[key], value, key, inner, rule=rule, deletions=deletions))
        elif old[key] != value and not deletions:
            patch[key] = value
    if deletions:
        patch.update({key: None for key in old if key not in new})
    kept = sorted(key for key, value in new.items() if value is not None)
    if retain and kept and (patch or set(old) - set(new)):
        patch[RETAIN_KEYS] = kept
    return patch


def _list_difference(old: list[Any], new: list[Any], key: str, code: str, *, rule: PatchRule, deletions: bool) -> Json:
    """The part of the patch that makes the list ``new`` of ``old``: items, an order, and plain values that go."""
    if not old:
        return {key: new} if new and not deletions else {}
    if common_type(old, new) is dict:
        require_keys(rule.merge_key, old, new)
        changed = _item_differences(old, new, code[1:], rule, deletions=deletions)
        moved = [each[rule.merge_key] for each in old] != [each[rule.merge_key] for each in new]
        order = [{rule.merge_key: each[rule.merge_key]} for each in new]
        return {
            **({key: changed} if changed else {}),
            **({SET_ORDER + key: order} if changed or (moved and not deletions) else {}),
        }
    gone = unique([each for each in old if element_place(new, each, "") < 0]) if deletions else []
    come = [] if deletions else [each for each in new if element_place(old, each, "") < 0]
    return {
        **({key: come} if come else {}),
        **({DELETE_FROM + key: gone} if gone else {}),
        **({SET_ORDER + key: new} if gone or (old != new and not deletions) else {}),
    }


def _item_differences(old: list[Any], new: list[Any], code: str, rule: PatchRule, *, deletions: bool) -> list[Any]:
    key = rule.merge_key
    found = []
    for item in new:
        place = element_place(old, item, key)
        if place >= 0:
            change = _difference(old[place], item, code, deletions=deletions, retain=rule.retain_keys)
            if change:
                found.append({**change, key: item[key]})
        elif not deletions:
            found.append(item)
    gone = [{key: item[key], DIRECTIVE: "delete"} for item in old if element_place(new, item, key) < 0]
    return [*by_order(found, new, key), *(gone if deletions else ())]
