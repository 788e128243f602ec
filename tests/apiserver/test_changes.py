"""A dump of a cluster and manifests that change it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubelogic.apiserver.reading import Reading, load
from kubelogic.cluster import Object
from kubelogic.text.location import InputError


def deployment(*, uid: str = "", replicas: int | None = None, image: str = "web:1", **metadata: Any) -> dict[str, Any]:
    about = {"name": "web", "namespace": "shop", **({"uid": uid} if uid else {}), **metadata}
    spec = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": image}]}},
        **({} if replicas is None else {"replicas": replicas}),
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": spec}


def read(folder: Path, *files: Any, keep_going: bool = False, names: tuple[str, ...] = ()) -> Reading:
    """Read documents, each from a file of its own, named so that the order of names is that of the command line."""
    paths = []
    for number, content in enumerate(files):
        path = folder / (names[number] if names else f"{number}.yaml")
        path.write_text(yaml.safe_dump_all(content if isinstance(content, list) else [content]))
        paths.append(path)
    return load(paths, keep_going=keep_going)


def only(reading: Reading, kind: str) -> Object:
    (found,) = (each for each in reading.objects if each.kind == kind)
    return found


def test_a_manifest_changes_the_object_that_the_cluster_printed(tmp_path: Path) -> None:
    stored = {**deployment(uid="u-1", replicas=2, generation=1), "status": {"replicas": 2}}
    reading = read(tmp_path, stored, deployment(replicas=4))
    found = only(reading, "Deployment").document
    assert found["metadata"]["uid"] == "u-1"
    assert found["metadata"]["generation"] == 2
    assert found["spec"]["replicas"] == 4
    assert found["status"] == {"replicas": 2}
    (notice,) = reading.notices
    assert (notice.code, notice.location and notice.location.line) == ("KL194", 4)
    assert "fields that an earlier manifest had set" in notice.message


def node(cpu: str, *, uid: str = "", **spec: Any) -> dict[str, Any]:
    about = {"name": "oak", **({"uid": uid} if uid else {})}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": about,
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu}},
    }


def test_a_node_of_a_manifest_changes_that_of_the_cluster_but_not_its_status(tmp_path: Path) -> None:
    reading = read(tmp_path, node("4", uid="u-1"), node("1", unschedulable=True))
    found = only(reading, "Node").document
    assert found["spec"]["unschedulable"] is True
    assert found["status"]["allocatable"]["cpu"] == "4"
    assert [each.code for each in reading.notices] == ["KL194"]
    with pytest.raises(InputError, match="there is another Node oak, with other content"):
        read(tmp_path, node("4"), node("1"))


def test_what_differs_in_a_pod_is_told_at_its_place_and_not_as_a_listing(tmp_path: Path) -> None:
    def pod(cpu: str, **metadata: str) -> dict[str, Any]:
        container = {"name": "app", "image": "i", "resources": {"requests": {"cpu": cpu}}}
        about = {"name": "a", "namespace": "shop", **metadata}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": {"containers": [container]}}

    with pytest.raises(InputError) as caught:
        read(tmp_path, pod("1", uid="u-1"), pod("3"))
    (fault,) = caught.value.faults
    assert fault.message.startswith("spec.containers[0].resources.requests.cpu: cannot be applied")
    assert "@@" not in fault.message
    assert "kubectl delete pod a -n shop" in fault.message


@pytest.mark.parametrize("names", [("cluster.yaml", "web.yaml", "a.yaml"), ("z.yaml", "b.yaml", "a.yaml")])
def test_manifests_are_applied_in_the_order_of_the_command_line(tmp_path: Path, names: tuple[str, ...]) -> None:
    files = deployment(uid="u-1", replicas=1), deployment(replicas=3), deployment(replicas=5)
    assert only(read(tmp_path, *files, names=names), "Deployment").document["spec"]["replicas"] == 5


def test_a_dump_is_the_state_wherever_it_stands_on_the_command_line(tmp_path: Path) -> None:
    reading = read(tmp_path, deployment(replicas=3), deployment(uid="u-1", replicas=1))
    assert only(reading, "Deployment").document["spec"]["replicas"] == 3


def test_fields_are_found_where_they_were_written(tmp_path: Path) -> None:
    found = only(read(tmp_path, deployment(uid="u-1", replicas=1), deployment(image="web:2")), "Deployment")
    assert found.origin is not None
    image = found.origin.locate(("spec", "template", "spec", "containers", 0, "image"))
    assert Path(image.file).name == "1.yaml"
    assert Path(found.origin.locate(("spec", "replicas")).file).name == "0.yaml"


def test_a_part_of_an_object_is_enough(tmp_path: Path) -> None:
    part = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    reading = read(tmp_path, deployment(uid="u-1", replicas=1), {**part, "spec": {"replicas": 6}})
    assert only(reading, "Deployment").document["spec"]["replicas"] == 6


def test_what_an_earlier_apply_had_set_goes(tmp_path: Path) -> None:
    earlier = {**deployment(), "spec": {**deployment()["spec"], "minReadySeconds": 9}}
    stored = {
        **deployment(uid="u-1", annotations={"kubectl.kubernetes.io/last-applied-configuration": json.dumps(earlier)}),
        "spec": {**earlier["spec"], "replicas": 3},
    }
    reading = read(tmp_path, stored, deployment())
    spec = only(reading, "Deployment").document["spec"]
    assert (spec["replicas"], spec.get("minReadySeconds", 0)) == (3, 0)
    assert "stay" not in reading.notices[0].message


def test_labels_of_a_node_are_added_and_its_status_stays(tmp_path: Path) -> None:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "elm", "labels": {"a": "1"}},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}},
    }
    change = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "elm", "labels": {"disk": "nvme"}}}
    found = only(read(tmp_path, node, change), "Node").document
    assert found["metadata"]["labels"] == {"a": "1", "disk": "nvme"}
    assert found["status"]["allocatable"]["cpu"] == "4"


def test_a_service_keeps_its_addresses_and_node_ports_in_whatever_range_they_are(tmp_path: Path) -> None:
    spec = {
        "type": "NodePort",
        "clusterIP": "10.96.40.7",
        "clusterIPs": ["10.96.40.7"],
        "selector": {"app": "web"},
        "ports": [{"name": "http", "port": 80, "nodePort": 20080}],
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "uid": "u-2"}, "spec": spec}
    ports = [{"name": "http", "port": 80}, {"name": "metrics", "port": 9090}]
    change = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": ports},
    }
    found = only(read(tmp_path, service, change), "Service").document["spec"]
    assert found["clusterIP"] == "10.96.40.7"
    assert {each["name"]: each.get("nodePort") for each in found["ports"]}["http"] == 20080


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (deployment(replicas=-1), "spec.replicas"),
        (
            {**deployment(), "spec": {**deployment()["spec"], "selector": {"matchLabels": {"app": "other"}}}},
            "",
        ),
        (deployment(uid="u-2") | {"metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b c"}}}, "label"),
    ],
)
def test_changes_that_the_api_server_refuses_are_faults_with_their_place(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    stored = deployment(uid="u-1", replicas=1)
    with pytest.raises(InputError) as raised:
        read(tmp_path, stored, change)
    faults = raised.value.faults
    assert {fault.code for fault in faults} == {"KL146"}
    assert {Path(fault.location.file).name for fault in faults} == {"1.yaml"}
    kept = only(read(tmp_path, stored, change, keep_going=True), "Deployment")
    assert kept.document["spec"]["replicas"] == 1


def test_two_manifests_of_one_name_stay_a_fault(tmp_path: Path) -> None:
    files = deployment(replicas=3), deployment(replicas=5)
    with pytest.raises(InputError) as raised:
        read(tmp_path, *files)
    assert [fault.code for fault in raised.value.faults] == ["KL103"]
    kept = read(tmp_path, *files, keep_going=True, names=("b.yaml", "a.yaml"))
    assert only(kept, "Deployment").document["spec"]["replicas"] == 5, "the last of the command line"


def test_one_object_printed_at_two_moments_is_the_newer_one(tmp_path: Path) -> None:
    old = deployment(uid="u-1", replicas=1, resourceVersion="99")
    new = deployment(uid="u-1", replicas=2, resourceVersion="100")
    for files in ((old, new), (new, old)):
        reading = read(tmp_path, *files)
        assert only(reading, "Deployment").document["spec"]["replicas"] == 2
        assert [notice.code for notice in reading.notices] == ["KL103"]
    with pytest.raises(InputError):
        read(tmp_path, old, {**new, "metadata": {**new["metadata"], "uid": "u-2"}})


def test_addresses_that_a_cluster_gave_are_facts(tmp_path: Path) -> None:
    def service(name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, **metadata},
            "spec": {"ports": [{"port": 80}], **spec},
        }

    both = {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "PreferDualStack"}
    given = {**both, "clusterIP": "10.96.7.8", "clusterIPs": ["10.96.7.8", "fd00::7"]}
    only_six = {
        "clusterIP": "fd00::1",
        "clusterIPs": ["fd00::1"],
        "ipFamilies": ["IPv6"],
        "ipFamilyPolicy": "SingleStack",
    }
    read(tmp_path, service("kubernetes", only_six, uid="u-1"))
    read(tmp_path, service("a", {"ipFamilyPolicy": "RequireDualStack"}), service("web", given, uid="u-2"))
    for wrong in (service("a", {"ipFamilyPolicy": "RequireDualStack"}), service("a", {"ipFamilies": ["IPv6"]})):
        with pytest.raises(InputError) as raised:
            read(tmp_path, wrong)
        assert {fault.code for fault in raised.value.faults} == {"KL127"}


def test_a_single_stack_gives_the_second_address_back(tmp_path: Path) -> None:
    """The new manifest says nothing of addresses. Source: pkg/registry/core/service/storage/alloc.go."""
    both = {"ipFamilies": ["IPv4", "IPv6"], "clusterIP": "10.96.7.8", "clusterIPs": ["10.96.7.8", "fd00::7"]}
    meta = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    old = {**meta, "metadata": {"name": "web", "namespace": "default", "uid": "u"}}
    old["spec"] = {"ports": [{"port": 80}], "ipFamilyPolicy": "RequireDualStack", **both}
    change = {**meta, "spec": {"ports": [{"port": 80}], "ipFamilyPolicy": "SingleStack"}}
    for number, each in enumerate((old, change)):
        (tmp_path / f"{number}.json").write_text(json.dumps(each))
    (service,) = load([tmp_path / "0.json", tmp_path / "1.json"]).objects
    assert service.document["spec"]["clusterIPs"] == ["10.96.7.8"]
    assert service.document["spec"]["ipFamilies"] == ["IPv4"]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('{"apiVersion": "apps/v1", "kind": "DaemonSetList", "items": null}', []),
        ('{"apiVersion": "v1", "kind": "List", "items": null}', []),
        ('[{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}]', ["Namespace"]),
        ("[]", []),
    ],
)
def test_lists_of_all_kinds_are_read(tmp_path: Path, text: str, kinds: list[str]) -> None:
    (tmp_path / "a.json").write_text(text)
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(other))
    assert [each.kind for each in load([tmp_path]).objects] == ["ConfigMap", *kinds]


def test_places_in_plain_lists_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},\n {"kind": 3}]')
    with pytest.raises(InputError) as raised:
        load([path])
    assert [(fault.location.line, fault.code) for fault in raised.value.faults] == [(2, "KL102")]


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        ({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}, {"type": "Recreate"}, "strategy"),
        ({}, {"type": "Recreate"}, "strategy"),
    ],
)
def test_another_strategy_drops_what_belongs_to_the_old_one(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], gone: str
) -> None:
    """kubectl's patch keeps only the keys that the manifest has, where the type says ``retainKeys``."""
    stored, change = deployment(uid="u-1", replicas=1), deployment(replicas=1)
    stored["spec"].update(before)
    change["spec"][gone] = after
    assert only(read(tmp_path, stored, change), "Deployment").document["spec"][gone] == after


def test_a_volume_of_another_source_drops_the_old_one(tmp_path: Path) -> None:
    stored, change = deployment(uid="u-1", replicas=1), deployment(replicas=1)
    stored["spec"]["template"]["spec"]["volumes"] = [{"name": "d", "emptyDir": {}}]
    change["spec"]["template"]["spec"]["volumes"] = [{"name": "d", "configMap": {"name": "c"}}]
    found = only(read(tmp_path, stored, change), "Deployment").document
    (volume,) = found["spec"]["template"]["spec"]["volumes"]
    assert sorted(volume) == ["configMap", "name"]


@pytest.mark.parametrize(
    ("changed", "paths"),
    [
        (
            {"replicas": -5, "imagePullPolicy": "Sometimes"},
            ["spec.replicas", "spec.template.spec.containers[0].imagePullPolicy"],
        ),
        ({"app": "other"}, ["spec.selector.matchLabels.app"]),
    ],
)
def test_every_field_that_is_refused_is_a_fault_at_its_line(
    tmp_path: Path, changed: dict[str, Any], paths: list[str]
) -> None:
    change = deployment(replicas=changed.get("replicas", 1))
    spec = change["spec"]
    if "imagePullPolicy" in changed:
        spec["template"]["spec"]["containers"][0]["imagePullPolicy"] = changed["imagePullPolicy"]
    if "app" in changed:
        spec["selector"] = {"matchLabels": {"app": changed["app"]}}
        spec["template"]["metadata"] = {"labels": {"app": changed["app"]}}
    with pytest.raises(InputError) as raised:
        read(tmp_path, deployment(uid="u-1", replicas=1), change)
    places = [fault.location for fault in raised.value.faults]
    assert [place.path for place in places] == paths
    assert all(place.line > 1 for place in places)
    assert "{" not in raised.value.faults[0].message


def _of(kind: str, spec: dict[str, Any], **meta: Any) -> dict[str, Any]:
    version = {"Job": "batch/v1", "Pod": "v1", "Service": "v1"}.get(kind, "apps/v1")
    about = {"name": "db", "namespace": "shop", **meta}
    return {"apiVersion": version, "kind": kind, "metadata": about, "spec": spec}


def _set(size: str) -> dict[str, Any]:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {
        "replicas": 1,
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
    }


def _job(image: str) -> dict[str, Any]:
    return {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}}}


@pytest.mark.parametrize(
    ("kind", "old", "new", "path", "anew"),
    [
        (
            "StatefulSet",
            _set("1Gi"),
            {**_set("5Gi"), "replicas": 3},
            "spec.volumeClaimTemplates[0].spec.resources.requests.storage",
            "; kubectl delete statefulset db -n shop --cascade=orphan (its pods stay), then apply, makes it anew",
        ),
        (
            "Job",
            _job("i:1"),
            _job("i:2"),
            "spec.template.spec.containers[0].image",
            "; kubectl delete job db -n shop (its pods go with it), then apply, makes it anew",
        ),
        (
            "Service",
            {"clusterIP": "10.96.0.9", "ports": [{"port": 80}]},
            {"clusterIP": "10.96.0.8", "ports": [{"port": 80}]},
            "spec.clusterIPs[0]",
            "",
        ),
    ],
)
def test_what_cannot_change_is_named_and_how_it_is_made_anew(
    tmp_path: Path, *, kind: str, old: dict[str, Any], new: dict[str, Any], path: str, anew: str
) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, _of(kind, old, uid="u-1"), _of(kind, new))
    (fault,) = raised.value.faults
    assert fault.message.endswith(anew) if anew else "makes it anew" not in fault.message
    assert fault.location.line > 1
    assert fault.location.path == path or not anew
