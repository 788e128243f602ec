"""Behaviours that ``docs/reference/coverage.md`` lists, each shown as a user sees it: manifests in, answers out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kubelogic.api import check, load, plan, query, simulate
from kubelogic.cluster import Cluster
from kubelogic.text.location import InputError
from kubelogic.verbs.hosts_file import read_hosts
from kubelogic.verbs.kubeadm import Kubeadm
from kubelogic.verbs.reconciled import Options
from kubelogic.verbs.simulate import Simulation

Document = dict[str, Any]


def node(name: str, **more: Any) -> Document:
    allocatable = {"cpu": "4", "memory": "8Gi", "pods": "20"}
    status = {"allocatable": allocatable, "conditions": [{"type": "Ready", "status": "True"}]}
    meta = {"name": name, "labels": {"kubernetes.io/hostname": name}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status, **more}


def pod(name: str, *containers: Document, namespace: str = "default", **spec: Any) -> Document:
    listed = list(containers) or [{"name": "a", "image": "a:1"}]
    meta = {"name": name, "namespace": namespace, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": listed, **spec}}


def daemons(name: str, image: str) -> Document:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "a", "image": image}]}}
    meta = {"name": name, "namespace": "kube-system"}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta, "spec": spec}


RESERVED = {"taints": [{"key": "reserved", "effect": "NoSchedule"}]}


def status(found: Simulation, key: str) -> Document:
    obj = found.run.state.cluster.get("Pod", key)
    assert obj is not None
    return dict(obj.document["status"])


def run(*objects: Document, steps: tuple[Document, ...] = ()) -> Simulation:
    return simulate(load([*objects]), [*steps])


def test_pods_have_network_namespaces_of_their_own() -> None:
    port = {"name": "a", "image": "a:1", "ports": [{"containerPort": 80}]}
    found = run(node("oak"), pod("one", port), pod("two", port))
    assert status(found, "default/one")["podIP"] != status(found, "default/two")["podIP"]
    shared = plan(load([node("oak"), pod("one", port, hostNetwork=True), pod("two", port, hostNetwork=True)]))
    assert [each.pod for each in shared.pending] == ["default/two"]


@pytest.mark.parametrize("image", ["registry.k8s.io/kube-proxy:v1.36.0", "fluent/fluent-bit:4"])
def test_a_node_that_a_component_of_all_nodes_leaves_out_is_found(image: str) -> None:
    cluster = load([node("oak"), node("elm", spec=RESERVED), daemons("agent", image)])
    found = [each for each in check(cluster).findings if each.code == "KL165"]
    assert [each.key for each in found] == ["elm"]
    fit = load([node("oak"), node("elm"), daemons("agent", image)])
    assert not [each for each in check(fit).findings if each.code == "KL165"]


def test_the_runtime_pulls_starts_and_restarts_containers() -> None:
    steps = (
        {"at": "0s", "image": {"name": "a:1", "pull": False}},
        {"at": "1m", "image": {"name": "a:1", "pull": True}},
        {"at": "30m", "exit": {"kind": "Pod", "name": "one", "code": 3}},
    )
    waits = run(node("oak"), pod("one"), steps=steps[:1])
    (container,) = status(waits, "default/one")["containerStatuses"]
    assert container["state"]["waiting"]["reason"] in ("ErrImagePull", "ImagePullBackOff")
    found = run(node("oak"), pod("one"), steps=steps)
    (container,) = status(found, "default/one")["containerStatuses"]
    assert container["restartCount"] == 1
    assert container["lastState"]["terminated"]["exitCode"] == 3
    assert "running" in container["state"]


def test_containers_of_a_pod_share_its_life_address_and_volumes() -> None:
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    first = {"name": "first", "image": "a:1", "volumeMounts": mounts, "ports": [{"containerPort": 80}]}
    second = {"name": "second", "image": "b:1", "volumeMounts": mounts}
    found = run(node("oak"), pod("both", first, second, volumes=[{"name": "shared", "emptyDir": {}}]))
    assert len(status(found, "default/both")["containerStatuses"]) == 2
    assert status(found, "default/both")["podIPs"] == [{"ip": status(found, "default/both")["podIP"]}]
    lost = {**second, "volumeMounts": [{"name": "other", "mountPath": "/x"}]}
    with pytest.raises(Exception, match="other"):
        load([pod("both", first, lost, volumes=[{"name": "shared", "emptyDir": {}}])])


def test_the_four_basic_objects_work_together_and_go_together() -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    made = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "d"}, "provisioner": "d.io"}
    wanted = {"storageClassName": "d", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}}
    ports = {"selector": {"app": "till"}, "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "till", "namespace": "shop"}, "spec": ports}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    objects = [
        node("oak"),
        space,
        made,
        {**claim, "spec": wanted},
        service,
        pod("till", namespace="shop", volumes=volumes),
    ]
    found = run(*objects)
    assert [each.ready for each in found.final.endpoints] != [()]
    assert len(found.run.state.cluster.objects("PersistentVolume")) == 1
    gone = run(*objects, steps=({"at": "1m", "delete": {"kind": "Namespace", "name": "shop"}},)).run.state.cluster
    left = {kind for kind in ("Namespace", "Pod", "Service", "PersistentVolumeClaim") if _in_shop(gone, kind)}
    assert left == set()
    assert not gone.objects("PersistentVolume"), "its class reclaims what nobody needs"


def _in_shop(cluster: Cluster, kind: str) -> list[str]:
    return [key for key in cluster.objects(kind) if key == "shop" or key.startswith("shop/")]


REGISTRAR = "registry.k8s.io/sig-storage/csi-node-driver-registrar:v2"
PROVISIONER = "registry.k8s.io/sig-storage/csi-provisioner:v5"
ATTACHER = "registry.k8s.io/sig-storage/csi-attacher:v4"
CLAIM: Document = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data", "namespace": "default"},
    "spec": {
        "storageClassName": "d",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
}
CLASS: Document = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "d"},
    "provisioner": "d.io",
}


def sidecars(name: str, *images: str) -> Document:
    return pod(name, *({"name": f"c{number}", "image": image} for number, image in enumerate(images)), nodeName="oak")


@pytest.mark.parametrize(
    ("plugins", "unserved", "single"),
    [
        ([sidecars("node", REGISTRAR)], ["provision"], []),
        ([sidecars("node", REGISTRAR), sidecars("controller", PROVISIONER, ATTACHER)], [], []),
        ([sidecars("all", REGISTRAR, PROVISIONER, ATTACHER)], [], ["default/all"]),
    ],
)
def test_a_driver_is_two_plugins_in_one_program_or_two(
    plugins: list[Document], unserved: list[str], single: list[str]
) -> None:
    cluster = load([node("oak"), CLASS, CLAIM, *plugins])
    assert [str(row[1]) for row in query(cluster, "csi_unserved(Claim, Step)").rows] == unserved
    assert [str(row[0]) for row in query(cluster, "csi_one_program(Pod)").rows] == single


def test_the_controller_plugin_may_run_anywhere_the_node_plugin_has_to_be_on_the_node() -> None:
    drivers = {"drivers": [{"name": "d.io", "nodeID": "elm"}]}
    nodes = [
        {"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "oak"}, "spec": {"drivers": []}},
        {"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "elm"}, "spec": drivers},
    ]
    controller = sidecars("controller", PROVISIONER, ATTACHER)
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]

    def troubles(place: str) -> list[str]:
        used = pod("db", nodeName=place, volumes=volumes)
        found = plan(load([node("oak"), node("elm"), *nodes, CLASS, CLAIM, controller, used]))
        return [each.message for each in found.troubles]

    assert troubles("elm") == [], "the controller plugin is on oak"
    (message,) = troubles("oak")
    assert "driver name d.io not found in the list of registered CSI drivers" in message


@pytest.mark.parametrize(
    ("says", "line"),
    [
        ("os: Darwin", "[ERROR SystemVerification]: unsupported operating system: Darwin"),
        ("os: Linux", ""),
        ("packages: {}", ""),
    ],
)
def test_what_hosts_run_is_verified(says: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(f"hosts:\n- name: a\n  role: worker\n  {says}\n", encoding="utf-8")
    found = Kubeadm(read_hosts([str(path)])).preflight().found
    lines = [f"[{each.severity} {each.check}]: {each.message}" for each in found if each.severity == "ERROR"]
    assert lines == ([line] if line else [])


@pytest.mark.parametrize(
    ("packages", "verdict", "missing"),
    [
        ("packages: {nfs-common: '1:2.6.2', conntrack: '1.4'}", True, []),
        ("packages: {conntrack: '1.4'}", True, ["nfs-common"]),
        ("packages: {}", True, ["conntrack", "nfs-common"]),
        ("user: root", False, []),
    ],
)
def test_packages_that_a_company_wants_on_its_hosts(
    packages: str, verdict: bool, missing: list[str], tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "packages.dl").write_text(
        "#! title:  Packages of our hosts\n#! source: our handbook\n#! docs:   none\n\n"
        "+ package_wanted('nfs-common')\n+ package_wanted('conntrack')\n",
        encoding="utf-8",
    )
    path = tmp_path / "hosts.yaml"
    path.write_text(f"hosts:\n- name: a\n  role: node\n  {packages}\n", encoding="utf-8")
    found = Kubeadm(read_hosts([str(path)]), rules=[rules]).preflight().found
    said = [each.message for each in found if each.severity == "ERROR"]
    assert said == [f'package "{each}" is not installed' for each in missing]
    asked = [each.message for each in found if each.severity == "UNKNOWN" and "packages" in each.message]
    assert bool(asked) is not verdict


def test_an_upgrade_runs_its_phases_host_by_host(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    manifest = "files: [/etc/kubernetes/manifests/kube-apiserver.yaml]"
    hosts = [f"{{name: m2, role: upgrade, {manifest}}}", f"{{name: m1, role: upgrade, {manifest}}}"]
    path.write_text(
        "hosts:\n" + "".join(f"- {each}\n" for each in [*hosts, "{name: w, role: upgrade}"]), encoding="utf-8"
    )
    phases = Kubeadm(read_hosts([str(path)])).phases()
    commands = {host: command for host, command, *_ in phases.ran}
    assert commands == {"m1": "upgrade apply", "m2": "upgrade node", "w": "upgrade node"}
    assert [sum(host == each[0] for each in phases.ran) for host in ("m1", "m2", "w")] == [8, 6, 5]
    assert phases.missing == ()
    path.write_text("hosts:\n- {name: w, role: upgrade}\n", encoding="utf-8")
    alone = Kubeadm(read_hosts([str(path)]))
    assert alone.phases().ran == ()
    assert any("w cannot be upgraded before the control plane" in each for each in alone.preflight().across)


@pytest.mark.parametrize("milliseconds", [200, 30_000])
def test_how_long_pulling_and_starting_take_is_a_setting(milliseconds: int) -> None:
    found = simulate(load([node("oak"), pod("web")]), [], Options(parameters={"kubelet_start_delay": milliseconds}))
    said = status(found, "default/web")
    bound = next(each["lastTransitionTime"] for each in said["conditions"] if each["type"] == "PodScheduled")
    (container,) = said["containerStatuses"]
    took = datetime.fromisoformat(container["state"]["running"]["startedAt"]) - datetime.fromisoformat(bound)
    assert took.total_seconds() * 1000 == milliseconds


def test_init_containers_wait_for_two_services_one_after_the_other() -> None:
    init = [{"name": f"wait-{name}", "image": f"wait-{name}:1"} for name in ("myservice", "mydb")]
    port = {"ports": [{"port": 80}]}

    def service(name: str, **spec: Any) -> Document:
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}

    awaited = {"wait-myservice:1": "myservice", "wait-mydb:1": "mydb.default"}
    told = [{"at": 0, "image": {"name": image, "waitsFor": name}} for image, name in awaited.items()]
    headless = service("myservice", clusterIP="None", selector={"app": "backend"}, **port)
    there = [service("mydb", **port), headless, pod("backend")]
    waiting = pod("web", initContainers=init)
    ends = []
    for count in range(4):
        found = run(node("oak"), waiting, *there[:count], steps=tuple(told))
        listed = status(found, "default/web")["initContainerStatuses"]
        done = [each["name"] for each in listed if "terminated" in (each.get("state") or {})]
        ends.append((status(found, "default/web").get("phase", "Pending"), done))
    assert ends == [("Pending", []), ("Pending", []), ("Pending", []), ("Running", ["wait-myservice", "wait-mydb"])]


def test_a_name_that_no_service_can_have_is_refused() -> None:
    with pytest.raises(InputError, match="as pods ask for it"):
        run(node("oak"), pod("web"), steps=({"at": 0, "image": {"name": "a:1", "waitsFor": "db_1"}},))
