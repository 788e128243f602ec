"""Kubeadm: preflight for many hosts, phases, the cluster that they make, and upgrades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.report.kubeadm import SCRIPT, render_phases, render_preflight
from kubelogic.report.upgrade import render_upgrade
from kubelogic.text.location import InputError
from kubelogic.verbs.hosts_file import Hosts, read_hosts
from kubelogic.verbs.kubeadm import Kubeadm
from kubelogic.verbs.kubeadm_cluster import cluster_of
from kubelogic.verbs.plan import plan
from kubelogic.verbs.reconciled import Options
from kubelogic.verify.upgrade import UpgradeError, upgrade_plan

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "kubeadm"


@pytest.fixture(scope="module")
def good() -> Kubeadm:
    return Kubeadm(read_hosts([str(FOLDER / "hosts.yaml")]))


@pytest.fixture(scope="module")
def bad() -> Kubeadm:
    return Kubeadm(read_hosts([str(FOLDER / "unfit.yaml")]), ignored=["swap", "numcpu", "nothing"])


def test_hosts_that_are_fit_pass(good: Kubeadm) -> None:
    found = good.preflight()
    assert (found.verdict, found.found, found.across) == ("yes", (), ())
    assert good.remarks() == ()


def test_one_report_has_kubeadms_words_for_every_host(bad: Kubeadm) -> None:
    found = bad.preflight()
    lines = {(each.host, f"[{each.severity} {each.check}]: {each.message}") for each in found.found}
    assert found.verdict == "no"
    assert {
        ("master-1", "[ERROR Mem]: the system RAM (1500 MB) is less than the minimum 1700 MB"),
        ("master-1", "[WARNING NumCPU]: the number of available CPUs 1 is less than the required 2"),
        ("worker-1", "[ERROR Port-10250]: Port 10250 is in use"),
        ("worker-1", "[ERROR FileExisting-iptables]: iptables not found in system path"),
        (
            "worker-1",
            "[ERROR FileContent--proc-sys-net-ipv4-ip_forward]: "
            "/proc/sys/net/ipv4/ip_forward contents are not set to 1",
        ),
        ("Worker_2", "[ERROR SystemVerification]: missing required cgroups: freezer memory pids"),
        ("Worker_2", "[ERROR SystemVerification]: unexpected kernel config: CONFIG_UTS_NS"),
        ("worker-3", "[UNKNOWN Swap]: the file does not say the swap of this host"),
    } <= lines
    assert not [line for host, line in lines if host == "worker-3" and "UNKNOWN" not in line]
    assert found.unused == ("nothing",)


def test_what_no_check_of_one_host_sees(bad: Kubeadm) -> None:
    assert list(bad.preflight().across) == [
        "Worker_2 and worker-1 have the same address, 192.168.0.21: give each host its own",
        "the address 192.168.0.21 of Worker_2 is in the range of pods, 192.168.0.0/16: choose another range",
        "the address 192.168.0.11 of master-1 is in the range of pods, 192.168.0.0/16: choose another range",
        "the address 192.168.0.21 of worker-1 is in the range of pods, 192.168.0.0/16: choose another range",
    ]


def test_the_reports_say_the_verdict_first(good: Kubeadm, bad: Kubeadm) -> None:
    assert render_preflight(good.preflight(), ()).startswith("yes: kubeadm can go on, on all 4 hosts")
    assert render_preflight(bad.preflight(), bad.remarks()).startswith("no: kubeadm stops on 3 of 4 hosts")
    assert render_phases(bad.phases()).startswith("no: some phases cannot run")


def test_a_name_without_end_is_cut_in_the_text(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(f"hosts:\n- name: {'x' * 100_000}\n  role: worker\n  swap: true\n")
    made = Kubeadm(read_hosts([str(path)]))
    for text in (render_preflight(made.preflight(), made.remarks()), render_phases(made.phases())):
        assert "xxx" in text
        assert len(max(text.split(), key=len)) < 100


def test_what_is_not_known_is_no_yes() -> None:
    hosts = Hosts(settings={}, hosts=({"name": "a", "role": "reset"},))
    assert Kubeadm(hosts).preflight().verdict == "unknown"


def test_all_can_be_ignored() -> None:
    hosts = Hosts(settings={}, hosts=({"name": "a", "role": "reset", "user": "me"},))
    assert Kubeadm(hosts).preflight().verdict == "no"
    assert Kubeadm(hosts, ignored=["all"]).preflight().verdict == "yes"


def test_init_and_join_make_a_cluster_that_plan_reads(good: Kubeadm, tmp_path: Path) -> None:
    phases = good.phases()
    assert not phases.missing
    assert [phase for host, _, phase, _, _ in phases.ran if host == "worker-1"] == [
        "preflight",
        "kubelet-start",
        "kubelet-wait-bootstrap",
    ]
    assert len([phase for host, _, phase, _, _ in phases.ran if host == "master-1"]) == 14
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump_all(cluster_of(good.hosts, phases)))
    cluster = Cluster.of(load([file]).objects)
    taints = cluster.objects("Node")["master-2"].document["spec"]["taints"]
    assert taints == [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    found = plan(cluster)
    assert found.settled
    assert not found.pending
    assert not found.refusals
    owners = {each.owner for each in found.placements}
    assert {"Deployment kube-system/coredns", "DaemonSet kube-system/kube-proxy"} <= owners
    assert len([each for each in found.placements if "etcd-" in each.pod]) == 3


def test_a_host_that_fails_preflight_is_left_out_of_the_cluster(bad: Kubeadm) -> None:
    assert cluster_of(bad.hosts, bad.phases()) == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("hosts: []", ["KL105"]),
        ("[]", ["KL106"]),
        ("hosts: {a: b}", ["KL110"]),
        ("hosts: [{role: init}]", ["KL104"]),
        ("hosts: [{name: a}, {name: a}]", ["KL103"]),
        ("hosts: [{name: a, cpu: 3}]", ["KL112"]),
        ("hosts: [{name: a, cpus: many, swap: 1}]", ["KL110", "KL110"]),
        (
            "hosts: [{name: a, role: king, kubelet: new, address: here, memory: lots}]",
            ["KL121", "KL143", "KL132", "KL113"],
        ),
        ("cluster: {podSubnet: 10.0.0.0/99, kubernetesVersion: '2'}\nhosts: [{name: a}]", ["KL143", "KL132"]),
        ("hosts: [{name: a}]\nmore: 1", ["KL112"]),
        ("cluster: {externalEtcd: {cafile: x, keyFile: 1}}\nhosts: [{name: a}]", ["KL110", "KL112"]),
        ("hosts: [", ["KL100"]),
        ("hosts: [{name: a, ports: [x, -1, 70000, null, true, 22]}]", ["KL110", "KL131", "KL131", "KL110", "KL110"]),
        ("hosts: [{name: a, files: [1, {b: c}, /x], programs: [null, ip]}]", ["KL110", "KL110", "KL110"]),
        ("hosts: [{name: a, services: {kubelet: 5, x: {enabled: 'yes', up: true}}}]", ["KL110", "KL110", "KL112"]),
        ("hosts: [{name: a, cgroups: {version: two, controllers: cpu}}]", ["KL110", "KL110"]),
        ("hosts: [{name: a, cgroups: {version: 3, controllers: [cpu]}}]", ["KL121"]),
        ("hosts: [{name: a, kernel: new, kernelOptions: {X: {}}, settings: {/p: []}}]", ["KL143", "KL110", "KL110"]),
        ("hosts: [{name: a, runtime: {running: 'x', up: 1}, memory: -1Gi}]", ["KL110", "KL112", "KL113"]),
        ("hosts: [{name: a, docker: {version: 1}, proxy: {http: x}, packages: {p: []}}]", ["KL110", "KL112", "KL110"]),
        (
            "cluster: {bindPort: 99999, podSubnet: [10.0.0.0/8]}\nhosts: [{name: a, role: [init]}]",
            ["KL131", "KL110", "KL110"],
        ),
        ("cluster: {externalEtcd: {endpoints: [1], versions: {a: 3}}}\nhosts: [{name: a}]", ["KL110", "KL110"]),
    ],
)
def test_faults_of_a_file_about_hosts(text: str, codes: list[str], tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_hosts([str(file)])
    assert sorted(fault.code for fault in caught.value.faults) == sorted(codes)
    assert all(fault.location.file for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("role", "more", "missing"),
    [
        ("init", "", ["/etc/etcd/ca.crt", "/etc/etcd/client.key"]),
        ("control-plane", "", ["/etc/etcd/ca.crt", "/etc/etcd/client.key"]),
        ("control-plane", "certificateKey: abc", []),
        ("worker", "", []),
    ],
)
def test_the_files_that_lead_to_an_etcd_elsewhere(role: str, more: str, missing: list[str], tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(
        "cluster:\n  externalEtcd: {caFile: /etc/etcd/ca.crt, certFile: /etc/etcd/client.crt,"
        " keyFile: /etc/etcd/client.key}\n"
        f"  {more}\nhosts:\n- {{name: a, role: {role}, files: [/etc/etcd/client.crt]}}\n",
        encoding="utf-8",
    )
    found = Kubeadm(read_hosts([str(path)])).preflight().found
    said = [each.message for each in found if each.check == "ExternalEtcdClientCertificates"]
    assert said == [f"{each} doesn't exist" for each in missing]


def test_thousands_of_hosts_take_no_square_of_time() -> None:
    """Of hosts that share something, each is told with the first: not all pairs, which were millions."""
    many = [{"name": f"h{number:04}", "role": "reset", "user": "root", "macAddress": "aa:bb"} for number in range(2000)]
    found = Kubeadm(Hosts(settings={}, hosts=tuple(many))).preflight()
    assert len(found.across) == 1999
    assert found.across[0] == "h0000 and h0001 have the same MAC address, aa:bb: give each host its own"


def test_the_script_asks_for_every_topic() -> None:
    topics = {
        "cpus",
        "memory",
        "user",
        "swap",
        "os",
        "kernel",
        "kernelOptions",
        "cgroups",
        "programs",
        "ports",
        "files",
    }
    topics |= {"settings", "services", "kubelet", "kubeadm", "runtime", "resolves", "proxy"}
    assert [each for each in sorted(topics) if f'"  {each}:' not in SCRIPT] == []


def node(name: str, kubelet: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "status": {
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": kubelet},
        },
    }


CONTROL = {"node-role.kubernetes.io/control-plane": ""}
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
    },
}
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
}


def cluster(tmp_path: Path, *documents: dict[str, Any]) -> Cluster:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    return Cluster.of(load([file]).objects)


def test_an_upgrade_goes_through_every_minor_version(tmp_path: Path) -> None:
    nodes = [node("m", "v1.35.1", **CONTROL), node("w1", "v1.35.1"), node("w2", "v1.34.0")]
    found = upgrade_plan(cluster(tmp_path, *nodes, WEB), "1.37", options=Options())
    assert found.verdict == "yes"
    assert [(each.version, each.node, each.command.rpartition(" ")[2]) for each in found.steps[:3]] == [
        (36, "m", "apply"),
        (36, "w1", "node"),
        (36, "w2", "node"),
    ]
    assert len(found.steps) == 6
    assert render_upgrade(found).startswith("yes: from 1.35 to 1.37 in 6 steps")


def test_a_budget_that_grants_no_drain_is_found(tmp_path: Path) -> None:
    nodes = [node("m", "v1.36.0", **CONTROL), node("w1", "v1.36.0"), node("w2", "v1.36.0")]
    found = upgrade_plan(cluster(tmp_path, *nodes, WEB, BUDGET), "1.37", options=Options())
    assert found.verdict == "no"
    text = render_upgrade(found)
    assert "- not every node can be drained: Pod default/web-" in text
    assert "budget default/web" in text
    assert "- Next, the run: kubelogic verify PATH... --drain-all\n" in text


def test_nodes_that_an_upgrade_left_behind_are_steps(tmp_path: Path) -> None:
    nodes = [node("m", "v1.36.0", **CONTROL), node("w1", "v1.36.0"), node("w2", "v1.35.2")]
    found = upgrade_plan(cluster(tmp_path, *nodes), "1.36", options=Options(), prove=False)
    assert [(each.node, each.command, each.version) for each in found.steps] == [("w2", "kubeadm upgrade node", 36)]


def test_a_control_plane_that_is_not_in_the_input_is_no_yes(tmp_path: Path) -> None:
    found = upgrade_plan(cluster(tmp_path, node("w1", "v1.36.0")), "1.37", options=Options(), prove=False)
    assert found.verdict == "unknown"
    assert "where the control plane runs is not known; it has to be upgraded first" in render_upgrade(found)


def test_a_version_far_away_is_a_slip(tmp_path: Path) -> None:
    with pytest.raises(UpgradeError, match="999963 minor versions lie between"):
        upgrade_plan(cluster(tmp_path, node("w1", "v1.36.0")), "1.999999", options=Options(), prove=False)


@pytest.mark.parametrize(
    ("kubelets", "to", "words"),
    [
        (["v1.36.0", "v1.33.0"], "1.37", "upgrade it before the API server becomes 1.37"),
        (["v1.36.0", "v1.37.0"], "1.37", "newer than the API server"),
        (["v1.36.0", "v1.36.0"], "1.35", "kubeadm does not go back"),
    ],
)
def test_what_blocks_an_upgrade(kubelets: list[str], to: str, words: str, tmp_path: Path) -> None:
    nodes = [node("m", kubelets[0], **CONTROL), node("w", kubelets[1])]
    found = upgrade_plan(cluster(tmp_path, *nodes), to, options=Options(), prove=False)
    assert found.verdict == "no"
    assert words in found.blocks[0]


def test_a_version_that_nobody_knows_is_asked_for(tmp_path: Path) -> None:
    nodes = cluster(tmp_path, node("w", ""))
    with pytest.raises(UpgradeError, match="say it with --from"):
        upgrade_plan(nodes, "1.37", options=Options())
    with pytest.raises(UpgradeError, match="no version such as"):
        upgrade_plan(nodes, "new", options=Options())
    assert upgrade_plan(nodes, "1.37", before="1.36", options=Options(), prove=False).verdict == "unknown"
