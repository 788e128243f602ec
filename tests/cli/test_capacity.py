"""``kubelogic capacity``: how many more of a pod fit, one by one and jointly, and the fewest nodes."""

from __future__ import annotations

import json
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kubelogic.api import capacity, load
from kubelogic.cli import main
from kubelogic.report.capacity import render_capacity
from kubelogic.verbs.reconciled import Options

ROOT = Path(__file__).resolve().parents[2]
CLAIM = {
    "storageClassName": "fast",
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
}


def node(name: str, *, cpu: int, pool: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "pool": pool}},
        "status": {"allocatable": {"cpu": str(cpu), "memory": "64Gi", "pods": "110"}},
    }


def pod(name: str, *, cpu: int, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "app:1", "resources": {"requests": {"cpu": str(cpu)}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def write(path: Path, *documents: dict[str, Any]) -> str:
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)}))
    return str(path)


def ask(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["capacity", *arguments, "-o", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["schemaVersion"], found["kind"]) == (1, "Capacity")
    return found


def test_what_fits_now_and_the_fewest_nodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = write(
        tmp_path / "cluster.json",
        node("a-1", cpu=4, pool="small"),
        node("a-2", cpu=4, pool="small"),
        node("b-1", cpu=16, pool="large"),
        *(pod(f"runs-{n}", cpu=2, nodeName=name) for n, name in enumerate(("a-1", "a-1", "a-2"))),
    )
    more = write(tmp_path / "more.json", pod("more", cpu=3))
    found = ask(capsys, cluster, "--pod", more)
    # Two cores are left on a small node, sixteen on the large one.
    assert found["fits"] == {"optimal": 5, "kube": 5}
    assert found["most"] == 5
    # Three twos and a three are nine cores: one large node.
    assert found["nodesNeeded"] == {"large": 1}
    assert found["leastNodes"] == 1


def test_more_of_what_is_there_already(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = pod("one", cpu=1)
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"), one)
    found = ask(capsys, cluster, "--pod", write(tmp_path / "one.json", one))
    assert (found["pod"], found["fits"]["optimal"]) == ("Pod default/one", 3), "the one that is there stays"


def test_the_exit_code_says_whether_so_many_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"))
    more = write(tmp_path / "more.json", pod("more", cpu=2))
    assert ask(capsys, cluster, "--pod", more, "--replicas", "2")["nodesNeeded"] == {"small": 1}
    found = ask(capsys, cluster, "--pod", more, "--replicas", "3", code=1)
    assert found["fits"] == {"optimal": 2, "kube": 2}
    assert found["nodesNeeded"] == {"small": 2}


def test_nobody_is_evicted_for_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    high = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "high"},
        "value": 1000,
    }
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"), high, pod("low", cpu=3))
    more = write(tmp_path / "more.json", pod("more", cpu=2, priorityClassName="high"))
    assert ask(capsys, cluster, "--pod", more, code=1)["fits"] == {"optimal": 0, "kube": 0}


def test_anti_affinity_allows_one_a_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}
    single = pod(
        "more", cpu=1, affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    )
    single["metadata"]["labels"] = {"app": "x"}
    cluster = write(tmp_path / "cluster.json", *(node(f"a-{n}", cpu=8, pool="small") for n in range(3)))
    found = ask(capsys, cluster, "--pod", write(tmp_path / "more.json", single), "--replicas", "3")
    assert found["fits"] == {"optimal": 3, "kube": 3}
    assert found["nodesNeeded"] == {"small": 3}


def test_a_workload_of_the_shop_and_what_no_node_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = ask(capsys, "fixtures/shop", "--pod", "fixtures/shop/cart.yaml")
    assert found["fits"]["optimal"] >= found["fits"]["kube"] > 0
    assert found["leftOut"]
    assert sum(found["nodesNeeded"].values()) >= found["leastNodes"] > 0


def test_a_file_without_a_pod_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"))
    other = write(tmp_path / "other.json", node("a-2", cpu=4, pool="small"))
    assert main(["capacity", cluster, "--pod", other]) == 2
    assert "there is no pod and no workload in it" in capsys.readouterr().err
    assert main(["capacity", cluster, "--pod", str(tmp_path / "absent.json")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_limit_ranges_and_quotas_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The pod is admitted as any other: it gets the default request, and no more come than the quota allows."""
    default = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "usual"},
        "spec": {"limits": [{"type": "Container", "defaultRequest": {"cpu": "3"}, "default": {"cpu": "3"}}]},
    }
    bare = pod("more", cpu=1)
    del bare["spec"]["containers"][0]["resources"]
    nodes = [node(f"a-{n}", cpu=8, pool="small") for n in range(2)]
    more = write(tmp_path / "more.json", bare)
    found = ask(capsys, write(tmp_path / "c.json", *nodes, default), "--pod", more, "--replicas", "4")
    assert (found["fits"], found["refusal"]) == ({"optimal": 4, "kube": 4}, None)
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "cap"},
        "spec": {"hard": {"requests.cpu": "9"}},
    }
    found = ask(capsys, write(tmp_path / "c.json", *nodes, default, quota), "--pod", more, "--replicas", "4", code=1)
    assert found["fits"]["optimal"] == 3
    assert "exceeded quota: cap" in found["refusal"]


def _driver(name: str, count: int) -> dict[str, Any]:
    drivers = [{"name": "disk.example.com", "nodeID": name, "allocatable": {"count": count}}]
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSINode",
        "metadata": {"name": name},
        "spec": {"drivers": drivers},
    }


@pytest.mark.parametrize("ephemeral", [False, True])
def test_each_pod_brings_its_own_claim(ephemeral: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "disk"},
        "provisioner": "disk.example.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "disk",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    labels = {"matchLabels": {"app": "extra"}}
    asked: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "extra"},
        "spec": {
            "serviceName": "extra",
            "selector": labels,
            "template": {"metadata": {"labels": {"app": "extra"}}, "spec": pod("x", cpu=1)["spec"]},
            "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": spec}],
        },
    }
    if ephemeral:
        asked = pod("extra", cpu=1, volumes=[{"name": "d", "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}])
    nodes = [node("a-1", cpu=8, pool="small"), node("a-2", cpu=8, pool="small")]
    more = write(tmp_path / "more.json", asked)
    cluster = write(tmp_path / "c.json", *nodes, storage, _driver("a-1", 2), _driver("a-2", 1))
    found = ask(capsys, cluster, "--pod", more, "--replicas", "3")
    assert (found["fits"]["optimal"], found["most"]) == (3, 3)
    assert sum(found["nodesNeeded"].values()) == 2
    free = write(tmp_path / "c.json", *nodes, storage)
    assert ask(capsys, free, "--pod", more, "--replicas", "16")["fits"]["optimal"] == 16


def test_the_fewest_nodes_without_a_pod(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = [node(f"a-{n}", cpu=8, pool="small") for n in range(3)]
    cluster = write(tmp_path / "c.json", *nodes, *(pod(f"p-{n}", cpu=3) for n in range(4)))
    found = ask(capsys, cluster)
    assert (found["pod"], found["nodesNeeded"]) == ("", {"small": 2})
    assert main(["capacity", cluster]) == 0
    assert capsys.readouterr().out.startswith("Everything fits on 2 nodes of these types (the fewest possible)")


def test_what_was_not_found_in_time_is_said() -> None:
    """Nothing is said of pods that nobody had the time to place."""
    shop = load([ROOT / "fixtures" / "shop"])
    found = capacity(shop, None, Options(clock=partial(next, count(2.0)), deadline=1.0))
    assert (found.late, found.nodes, found.short) == (True, None, ())
    assert render_capacity(found).startswith("Which nodes hold everything was not found in time")


def test_a_quick_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = write(tmp_path / "c.json", *(node(f"a-{n}", cpu=8, pool="small") for n in range(3)))
    asked = "--resource", "cpu=2", "--resource", "memory=4Gi", "--replicas"
    assert ask(capsys, cluster, *asked, "12")["fits"]["optimal"] == 12
    assert ask(capsys, cluster, *asked, "13", code=1)["fits"]["optimal"] == 12
    assert main(["capacity", cluster, "--resource", "cpu"]) == 2
    assert "--resource takes NAME=AMOUNT" in capsys.readouterr().err
    assert main(["capacity", cluster, "--resource", "cpu=-1"]) == 2
    assert "--resource cpu=-1: an amount is at least 0" in capsys.readouterr().err
    assert main(["capacity", cluster, "--resource", "cpuu=1"]) == 2
    assert "--resource cpuu=1: cpuu is no resource; use cpu, memory" in capsys.readouterr().err


def test_what_is_not_modelled_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claims = [{"name": "gpu", "resourceClaimTemplateName": "one"}]
    cluster = write(tmp_path / "c.json", node("a-1", cpu=8, pool="small"))
    found = ask(capsys, cluster, "--pod", write(tmp_path / "p.json", pod("p", cpu=1, resourceClaims=claims)), code=3)
    assert [notice["code"] for notice in found["notices"]] == ["KL291", "KL195"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"resourceClaims": [{"name": "d", "resourceClaimTemplateName": "t"}]}, "ResourceClaimTemplate default/t"),
        ({"resourceClaims": [{"name": "d", "resourceClaimName": "c"}]}, "ResourceClaim default/c"),
        ({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}, "PersistentVolumeClaim default/c"),
        (
            {"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": CLAIM}}}]},
            "StorageClass fast",
        ),
    ],
)
def test_claims_that_are_not_in_the_input_are_told_and_taken_for_unknown(
    spec: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = write(tmp_path / "c.json", node("a-1", cpu=8, pool="small"))
    asked = write(tmp_path / "p.json", pod("p", cpu=1, **spec))
    found = ask(capsys, cluster, "--pod", asked, code=3)
    assert (found["fits"]["optimal"], found["unsure"]) == (8, True)
    assert any(f"not in the input: {told}, which Pod default/p needs" in each["message"] for each in found["notices"])
    found = ask(capsys, cluster, asked, code=3)
    assert (found["nodesNeeded"], found["unsure"]) == ({"small": 1}, True)
    assert any(told in each["message"] for each in [*found["notices"], *found["missing"]])


def test_claims_whose_volumes_are_there_are_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "disk"},
        "spec": {
            "storageClassName": "fast",
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/d"},
        },
    }
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": CLAIM}
    cluster = write(tmp_path / "c.json", node("a-1", cpu=8, pool="small"), volume, claim)
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    found = ask(capsys, cluster, write(tmp_path / "p.json", pod("p", cpu=1, volumes=volumes)))
    assert (found["nodesNeeded"], found["unsure"]) == ({"small": 1}, False)


@pytest.mark.parametrize(
    ("there", "each", "expected"), [(3, 1, 2), (7, 2, 2), (1, 1, 0), (0, 1, 0)], ids=["one", "two", "none left", "none"]
)
def test_devices_are_counted(
    there: int, each: int, expected: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Devices on one node for pods of which one runs already, if it can; by cpu there is room for many more."""
    kind = {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu"}, "spec": {}}
    pool = {"name": "a-1", "generation": 1, "resourceSliceCount": 1}
    devices = [{"name": f"g{n}"} for n in range(there)]
    shown = {"driver": "gpu.example.com", "nodeName": "a-1", "pool": pool, "devices": devices}
    sliced = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": shown}
    asks = {"devices": {"requests": [{"name": "g", "exactly": {"deviceClassName": "gpu", "count": each}}]}}
    template = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": "one"}}
    claims = [{"name": "gpu", "resourceClaimTemplateName": "one"}]
    one = pod("first", cpu=1, resourceClaims=claims)
    given = write(
        tmp_path / "c.json", node("a-1", cpu=64, pool="small"), kind, sliced, {**template, "spec": {"spec": asks}}, one
    )
    more = write(tmp_path / "p.json", pod("p", cpu=1, resourceClaims=claims))
    found = ask(capsys, given, "--pod", more, code=0 if expected else 1)
    assert (found["fits"], found["most"]) == ({"optimal": expected, "kube": expected}, expected)
    assert (found["unsure"], found["nodesNeeded"]) == (False, {})
    assert "looks neither for the fewest nodes" in found["notices"][0]["message"]


def test_no_nodes_are_counted_for_pods_that_the_api_server_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No number of nodes helps against a quota: none is told."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "cap"}, "spec": {"hard": {"pods": "1"}}}
    cluster = write(tmp_path / "cluster.json", node("n1", cpu=4, pool="a"), quota)
    more = write(tmp_path / "pod.json", pod("web", cpu=1))
    found = ask(capsys, cluster, "--pod", more, "--replicas", "2", code=1)
    assert (found["fits"]["optimal"], found["nodesNeeded"], found["leastNodes"]) == (1, {}, 0)
    found = ask(capsys, cluster, "--pod", more)
    assert (found["fits"]["optimal"], found["nodesNeeded"]) == (1, {"a": 1})


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (["example.com/gpu=1.5"], "--resource example.com/gpu: must be a whole number, is 1.5"),
        (["hugepages-2Mi=2Mi"], "--resource hugepages-2Mi: huge pages need a request or limit of cpu or memory"),
        (["cpu=1", "hugepages-2Mi=3Mi"], "--resource hugepages-2Mi: must be a whole number of pages"),
        (["cpu=1,gpu=1"], "--resource gpu=1: gpu is no resource"),
        (["cpu=1,cpu=2"], "cpu is given twice"),
    ],
)
def test_a_request_that_the_api_server_refuses(
    resources: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"))
    assert main(["capacity", cluster, *(word for each in resources for word in ("--resource", each))]) == 2
    assert said in capsys.readouterr().err


def test_several_requests_in_one_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"))
    assert ask(capsys, cluster, "--resource", "cpu=500m,memory=20Gi")["fits"]["optimal"] == 3


def test_more_of_an_object_of_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod("x", cpu=1)["spec"]}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"), web)
    assert ask(capsys, cluster, "--pod", "deploy/web")["fits"]["optimal"] == 3
    for typed, said in (
        ("deploy/wbe", "there is no Deployment default/wbe; did you mean deploy/default/web?"),
        ("node/a-1", "Node a-1 is no pod and has no pod template"),
        ("web.yaml", "no such file (of what is in the input: KIND/NAME, such as deploy/web)"),
    ):
        assert main(["capacity", cluster, "--pod", typed]) == 2
        assert said in capsys.readouterr().err


def _workload(kind: str, **spec: Any) -> dict[str, Any]:
    """A workload of pods with one CPU, by the name of its kind."""
    labels = {"app": kind.lower()}
    inner = {**pod("x", cpu=1)["spec"], "restartPolicy": "Never" if kind in ("Job", "CronJob") else "Always"}
    template = {"metadata": {"labels": labels}, "spec": inner}
    of_jobs = kind in ("Job", "CronJob")
    whole = {"template": template, **spec, **({} if of_jobs else {"selector": {"matchLabels": labels}})}
    if kind == "CronJob":
        whole = {"schedule": "0 3 * * *", "jobTemplate": {"spec": whole}}
    version = "batch/v1" if of_jobs else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": kind.lower()}, "spec": whole}


@pytest.mark.parametrize("inside", [True, False])
def test_a_daemon_set_has_no_number_of_pods(inside: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    daemon = _workload("DaemonSet")
    cluster = write(tmp_path / "c.json", node("a-1", cpu=8, pool="small"), *([daemon] if inside else []))
    asked = "ds/daemonset" if inside else write(tmp_path / "ds.json", daemon)
    assert main(["capacity", cluster, "--pod", asked]) == 2
    told = capsys.readouterr().err
    assert "has one pod on each node that takes one, and no number of pods" in told
    assert "kubelogic explain ds/daemonset -n default" in told


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        (
            "StatefulSet",
            {"replicas": 2, "serviceName": "x"},
            (
                "These are replicas beyond the 2 that it asks for.",
                "These are all its replicas: the input does not have it, and it asks for 2.",
            ),
        ),
        (
            "Job",
            {"parallelism": 2, "completions": 5},
            (
                "These are its pods at the same time, beside those that it has: a Job runs 2 pods at once "
                "(parallelism), and never more than its completions (5).",
                "These are its pods at the same time, and the input has none of it: a Job runs 2 pods at once "
                "(parallelism), and never more than its completions (5).",
            ),
        ),
        (
            "CronJob",
            {"parallelism": 3},
            ("These are pods of its Jobs at the same time: a Job runs 3 pods at once (parallelism).",) * 2,
        ),
        ("Deployment", {"replicas": 2}, (None, None)),
    ],
)
def test_what_more_of_a_workload_is(
    kind: str,
    spec: dict[str, Any],
    said: tuple[str | None, str | None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inside, outside = said
    made, nodes = _workload(kind, **spec), node("a-1", cpu=8, pool="small")
    more = write(tmp_path / "more.json", made)
    there, bare = write(tmp_path / "there.json", nodes, made), write(tmp_path / "bare.json", nodes)
    assert ask(capsys, there, "--pod", f"{kind.lower()}/{kind.lower()}")["means"] == inside
    assert ask(capsys, bare, "--pod", more)["means"] == outside
    assert main(["capacity", bare, "--pod", more]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("8 more of ")
    assert (lines[1] == outside) == (outside is not None)


def policy(resources: str, expression: str) -> list[dict[str, Any]]:
    """What no request for a resource is taken by that an expression denies."""
    about = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "p"}}
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": [resources]}
    validation = {"expression": expression, "message": "not like this"}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [validation]}
    bound = {"policyName": "p", "validationActions": ["Deny"]}
    return [
        {**about, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {**about, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound},
    ]


def made_by(kind: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "x"}, "annotations": {"team": "a"}}, "spec": pod("x", cpu=1)["spec"]}
    spec: dict[str, Any] = {"selector": {"matchLabels": {"app": "x"}}, "template": template}
    if kind == "CronJob":
        template["spec"]["restartPolicy"] = "Never"
        spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}
    group = "batch" if kind == "CronJob" else "apps"
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(
    ("kind", "resource", "expression", "refused"),
    [
        ("Deployment", "pods", "object.metadata.annotations.team == 'a'", ""),
        ("Deployment", "pods", "has(object.metadata.ownerReferences)", ""),
        ("Deployment", "pods", "request.userInfo.username.endsWith(':replicaset-controller')", ""),
        ("Deployment", "pods", "'pod-template-hash' in object.metadata.labels", ""),
        ("StatefulSet", "pods", "'apps.kubernetes.io/pod-index' in object.metadata.labels", ""),
        ("CronJob", "pods", "request.userInfo.username.endsWith(':job-controller')", ""),
        ("Deployment", "deployments", "object.spec.replicas > 5", 'deployments.apps "web" is forbidden'),
        ("Deployment", "replicasets", "object.spec.replicas > 5", 'replicasets.apps "web-'),
        ("CronJob", "jobs", "false", 'jobs.batch "web-'),
        ("StatefulSet", "pods", "false", 'pods "web" is forbidden'),
    ],
)
def test_policies_see_what_controllers_send(
    kind: str,
    resource: str,
    expression: str,
    refused: str,
    *,
    inside: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = write(tmp_path / "web.json", made_by(kind))
    cluster = write(tmp_path / "cluster.json", node("a-1", cpu=4, pool="small"), *policy(resource, expression))
    paths = [cluster, asked] if inside else [cluster]
    found = ask(capsys, *paths, "--pod", asked, code=1 if refused else 0)
    if not refused:
        assert (found["fits"]["optimal"], found["refusal"]) == (3 if inside and kind != "CronJob" else 4, None)
        return
    assert (found["fits"]["optimal"], found["nodesNeeded"]) == (0, {})
    assert found["refusal"].startswith(refused)
    assert found["refusal"].endswith("'p' with binding 'p' denied request: not like this")


@pytest.mark.parametrize(
    ("mode", "driver", "code"),
    [("ReadWriteOnce", "fast.example.com", 3), ("ReadWriteMany", "fast.example.com", 0), ("ReadWriteOnce", "", 0)],
    ids=["one node at a time", "many nodes", "reached over the network"],
)
def test_pods_on_several_nodes_that_share_a_volume(
    mode: str, driver: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only those on one node run, and the scheduler places them on both: 8 fit, and fewer run."""
    csi, nfs = {"driver": driver, "volumeHandle": "d"}, {"server": "nfs.example.com", "path": "/"}
    source: dict[str, Any] = {"csi": csi} if driver else {"nfs": nfs}
    size = {"storage": "1Gi"}
    owner = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "data", "uid": "uid-data"}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "d"},
        "spec": {"capacity": size, "accessModes": [mode], "storageClassName": "", "claimRef": owner, **source},
        "status": {"phase": "Bound"},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "uid": "uid-data", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"accessModes": [mode], "storageClassName": "", "resources": {"requests": size}, "volumeName": "d"},
        "status": {"phase": "Bound", "accessModes": [mode], "capacity": size},
    }
    cluster = write(tmp_path / "c.json", *(node(name, cpu=4, pool="a") for name in ("n1", "n2")), volume, claim)
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    one = write(tmp_path / "p.json", pod("web", cpu=1, volumes=volumes))
    found = ask(capsys, cluster, "--pod", one, code=code)
    assert found["fits"]["optimal"] == 8
    told = any("default/data is attached to one node at a time" in each for each in found["unknown"])
    assert told == (code == 3)
