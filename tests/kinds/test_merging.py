"""The table of how fields merge names fields that exist, and says what the types of Kubernetes say."""

from __future__ import annotations

import pytest

from kubelogic.kinds import merging
from kubelogic.kinds.merging import code_of, element_type, key_default, patch_rule, topology
from kubelogic.kinds.table import fields_of


def test_every_name_of_the_table_is_one_of_a_type_and_every_key_a_field_of_its_items() -> None:
    table = merging._table()
    for part in (table.strategic, table.topology):
        for type_name, fields in part.items():
            for field, text in fields.items():
                assert field in fields_of(type_name), (type_name, field)
                _, *keys = text.split()
                assert set(keys) <= set(fields_of(element_type(code_of(type_name, field))) if keys else ())
    assert all(fields_of(name) for name in table.atomic_types)


@pytest.mark.parametrize(
    ("type_name", "field", "strategy", "key", "shape", "keys"),
    [
        ("PodSpec", "containers", "merge", "name", "map", ("name",)),
        ("PodSpec", "imagePullSecrets", "merge", "name", "map", ("name",)),
        ("PodSpec", "tolerations", "", "", "atomic", ()),
        ("PodSpec", "nodeSelector", "", "", "atomic", ()),
        ("PodSpec", "affinity", "", "", "granular", ()),
        ("PodSpec", "topologySpreadConstraints", "merge", "topologyKey", "map", ("topologyKey", "whenUnsatisfiable")),
        ("Container", "ports", "merge", "containerPort", "map", ("containerPort", "protocol")),
        ("Container", "volumeMounts", "merge", "mountPath", "map", ("mountPath",)),
        ("Container", "command", "", "", "atomic", ()),
        ("Container", "envFrom", "", "", "atomic", ()),
        ("ServiceSpec", "ports", "merge", "port", "map", ("port", "protocol")),
        ("ServiceSpec", "selector", "", "", "atomic", ()),
        ("DeploymentSpec", "selector", "", "", "atomic", ()),
        ("DeploymentSpec", "strategy", "", "", "granular", ()),
        ("ObjectMeta", "finalizers", "merge", "", "set", ()),
        ("ObjectMeta", "ownerReferences", "merge", "uid", "map", ("uid",)),
        ("ObjectMeta", "labels", "", "", "granular", ()),
        ("NodeSpec", "taints", "", "", "atomic", ()),
        ("NodeStatus", "conditions", "merge", "type", "map", ("type",)),
        ("JobStatus", "conditions", "merge", "type", "atomic", ()),
        ("PodDisruptionBudgetSpec", "selector", "replace", "", "atomic", ()),
        ("ServiceAccount", "imagePullSecrets", "", "", "atomic", ()),
        ("Role", "rules", "", "", "atomic", ()),
    ],
)
def test_fields_merge_as_their_types_say(
    type_name: str, field: str, *, strategy: str, key: str, shape: str, keys: tuple[str, ...]
) -> None:
    rule, found = patch_rule(type_name, field), topology(type_name, field)
    assert (rule.strategy, rule.merge_key) == (strategy, key)
    assert (found.shape, found.keys) == (shape, keys)


def test_retained_keys_and_defaults_of_keys() -> None:
    assert patch_rule("PodSpec", "volumes").retain_keys
    assert patch_rule("DeploymentSpec", "strategy").retain_keys
    assert not patch_rule("PodSpec", "containers").retain_keys
    assert key_default("ServicePort", "protocol") == "TCP"
    assert key_default("Container", "name") is None
