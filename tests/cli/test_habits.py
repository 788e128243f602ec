"""What fingers do that know kubectl: names and kinds as they are typed, codes, hints for what is misspelt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cli import habits, main
from kubelogic.cli.parser import whole_parser

SHOP = """\
apiVersion: v1
kind: Node
metadata: {name: oak.shop.internal, labels: {kubernetes.io/hostname: oak}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: till, namespace: shop}
spec: {containers: [{name: app, image: i, resources: {requests: {cpu: "8"}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: twin, namespace: shop}
spec: {containers: [{name: app, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: twin, namespace: home}
spec: {containers: [{name: app, image: i}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: app, image: i, ports: [{containerPort: 8080, name: http}]}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nvme-watch, namespace: ops}
spec:
  selector: {matchLabels: {app: nvme-watch}}
  template:
    metadata: {labels: {app: nvme-watch}}
    spec: {nodeSelector: {disk: nvme}, containers: [{name: app, image: i}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80, targetPort: http}]}
"""


@pytest.fixture
def shop(tmp_path: Path) -> str:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    return str(path)


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (["-n", "shop", "till"], 1, "shop/till (Pod shop/till)"),
        (["till"], 1, "shop/till (Pod shop/till)"),
        (["shop/till"], 1, "shop/till (Pod shop/till)"),
        (["-n", "shop", "pod/till"], 1, "shop/till (Pod shop/till)"),
        (["-n", "shop", "po/till"], 1, "shop/till (Pod shop/till)"),
        (["-n", "home", "twin"], 0, "home/twin"),
        (["-n", "shop", "deploy/cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["-n", "shop", "deployment/cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["-n", "shop", "deployments.apps/cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["deploy/shop/cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["Deployment shop/cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["-n", "shop", "cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["node/oak"], 0, "oak.shop.internal has 3 pods"),
        (["-n", "shop", "svc/cart"], 0, "Service shop/cart (ClusterIP): 1 ready endpoint"),
        (["ops/nvme-watch"], 0, "the node lacks the label disk=nvme"),
        (["-n", "ops", "ds/nvme-watch"], 0, "DaemonSet ops/nvme-watch has no pods here"),
        (["shop/till", "--node", "oak"], 1, "Why not oak.shop.internal"),
        (["-n", "shop", "deploy", "cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["deployment", "shop/cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["-nshop", "deploy", "cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["--namespace=shop", "pods", "till"], 1, "shop/till (Pod shop/till)"),
        (["-q", "deploy", "shop/cart"], 0, "Deployment shop/cart: 1 of 1 pod placed"),
        (["--repairs", "2", "pod", "shop/till"], 1, "shop/till (Pod shop/till)"),
    ],
)
def test_names(typed: list[str], code: int, said: str, shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *typed, shop]) == code
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (["shop/tilll"], "did you mean shop/till"),
        (["shpo/till"], "did you mean shop/till"),
        (["tilll"], "did you mean shop/till"),
        (["twin"], "did you mean home/twin, shop/twin?"),
        (["-n", "shpo", "till"], "did you mean shop/till"),
        (["-n", "shop", "deploy/catr"], "did you mean deploy/shop/cart"),
        (["-n", "shop", "pod/cart"], "did you mean deployment/shop/cart"),
        (["-n", "home", "till"], "there is no pod, workload, node or Service home/till; did you mean shop/till"),
        (["rs/cart"], "there is no ReplicaSet default/cart; did you mean deployment/shop/cart, rs/shop/cart-"),
        (["node/oka"], "there is no node oka; did you mean oak.shop.internal?"),
        (["node/oa"], "there is no node oa; did you mean oak.shop.internal?"),
        (["kl206"], "did you mean KL206?"),
        (["-n", "shop", "deplyo/cart"], "did you mean deploy/shop/cart?"),
        (["-n", "shop", "pods"], "did you mean pods/shop/"),
        (["nodes"], "did you mean nodes/oak.shop.internal?"),
        ([""], "there is no pod, workload, node or Service ''"),
        (["x" * 5000], "there is no pod, workload, node or Service"),
        (["deploy", "x" * 5000], "there is no Deployment"),
        (["till", "--rules", "x" * 5000], "no such file or directory"),
        (["-n", "shop", "cm/till"], "cm/till; a ConfigMap is no kind that explain tells of"),
        (["-n", "shop", "pvc/till"], "explain tells of; a pod that uses it is told with what it waits for"),
        (
            ["limits/till"],
            "a LimitRange is no kind that explain tells of; a workload whose pods it refuses is told with",
        ),
        (["quota/till"], "a ResourceQuota is no kind that explain tells of; a workload whose pods it refuses is told"),
        (["pc/till"], "a PriorityClass is no kind that explain tells of"),
        (["-n", "shop", "hpa/till"], "that explain tells of; kubelogic check says whether it can work"),
        (["node/oka.shop.internal"], "there is no node oka.shop.internal; did you mean oak.shop.internal?"),
        (["shop/till", "--node", "oka.shop.internal"], "did you mean oak.shop.internal?"),
        (["jobs"], "there is no Job in the input\n"),
        (["deployments"], "there is no Deployment in the namespace default; did you mean deployments/shop/cart?"),
        (["nodes/oak,pod/till"], "ask of pod/till by itself"),
        (["cart.shop.svc.cluster.local"], "did you mean shop/cart?"),
        (["till.shop"], "did you mean shop/till?"),
        (["shop:till"], "did you mean shop/till?"),
        (["unlike"], "Service unlike\n"),
        (["ca"], "did you mean shop/cart"),
    ],
)
def test_did_you_mean(typed: list[str], hint: str, shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *typed, shop]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (["plna", "x"], "did you mean plan"),
        (["plan", "x", "--alow-moves", "1"], "did you mean --allow-moves"),
        (["plan"], "write - to read standard input"),
        (["plan", "-f"], "a file comes after it"),
        (["plan", "x.yaml", "-o", "wide"], "text has all columns already"),
        (["plan", "x.yaml", "--kubeconfig=y"], "KUBECONFIG"),
        (["top", "nodes"], "what they use is in no manifest"),
        (["plan", "-k"], "a folder comes after it"),
        (["plan", "x.yaml", "-o", "jsonpath={.a}"], "jq takes a part of it"),
        (["version", "--client"], "kubelogic version says"),
        (["describe", "pod", "x"], "error: there is no command describe; kubelogic explain KIND/NAME"),
        (["simulate", "x", "--drain", "n1", "--force"], "--force; the step drain of a scenario has it: "),
        (["simulate", "x", "--ignore-daemonsets"], "a drain here leaves the pods of DaemonSets alone"),
        (["frobnicate"], "error: there is no command frobnicate; kubelogic --help lists the commands"),
        (["it's"], "error: there is no command it's; "),
        (["help", "plna"], "there is no command plna; did you mean plan"),
        (["cordon", "oak"], "a step of a scenario"),
        (["plan", "x.yaml", "-l", "app=x"], "give the input only what is asked about"),
        (["get", "pods"], "kubectl get works with kubelogic serve"),
    ],
)
def test_commands_and_flags(typed: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(typed)
    assert error.value.code == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed",
    [
        ["explain", "-n", "shop", "deploy/cart", "-f", "{shop}"],
        ["explain", "-f", "{shop}", "-n", "shop", "deploy/cart"],
        ["explain", "--filename={shop}", "deploy", "shop/cart", "-A"],
        ["-n", "shop", "explain", "deploy/cart", "{shop}", "-R"],
        ["explain", "deploy/cart", "--all-namespaces", "--", "{shop}"],
    ],
)
def test_options_as_kubectl_takes_them(typed: list[str], shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([each.format(shop=shop) for each in typed]) == 0
    assert "Deployment shop/cart: 1 of 1 pod placed" in capsys.readouterr().out


def test_what_is_only_named_by_other_objects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a dump that lacks nodes and owners, it is told who names them; a pod that has ended is told as ended."""
    owner = "ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5c9f, uid: r, controller: true}]"
    (tmp_path / "dump.yaml").write_text(
        "apiVersion: v1\nkind: Pod\n"
        f"metadata: {{name: web-5c9f-1, namespace: shop, uid: a, labels: {{app: web}}, {owner}}}\n"
        "spec: {nodeName: elm, containers: [{name: a, image: i}]}\nstatus: {phase: Running}\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: once, namespace: shop, uid: b}\n"
        "spec: {nodeName: elm, containers: [{name: a, image: i}]}\nstatus: {phase: Succeeded}\n---\n" + NODE_ONLY
    )
    for typed, said in (
        (
            "node/elm",
            "there is no node elm in the input, though shop/once, shop/web-5c9f-1 came there: ",
        ),
        ("deploy/web", "there is no Deployment shop/web; did you mean replicaset/shop/web-5c9f?"),
    ):
        assert main(["explain", "-n", "shop", typed, str(tmp_path)]) == 2
        assert said in capsys.readouterr().err
    assert main(["explain", "-n", "shop", "once", str(tmp_path), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["ended"] == "Succeeded"
    main(["explain", "-n", "shop", "once", str(tmp_path)])
    assert "shop/once (Pod shop/once) has ended on elm: Succeeded.\n" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["", "plan"])
def test_help_as_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["help", *([command] if command else [])])
    assert error.value.code == 0
    assert f"kubelogic {command}" in capsys.readouterr().out


def test_every_command_of_kubectl_has_its_likeness() -> None:
    """The commands that ``kubectl --help`` lists, but for those that are here, too."""
    theirs = (
        "create expose run set get edit delete rollout scale autoscale certificate cluster-info top cordon uncordon "
        "drain taint describe logs attach exec port-forward proxy cp auth debug events apply patch replace wait "
        "kustomize label annotate api-resources api-versions config"
    )
    assert [each for each in theirs.split() if not habits.hint(each)] == []


@pytest.mark.parametrize(
    "typed",
    [
        ["reach", "pod/twin", "svc/cart", "80", "-n", "shop", "{shop}"],
        ["explain", "deploy", "-n", "shop", "cart", "{shop}", "--repairs", "1"],
        ["explain", "deploy/cart", "{shop}", "--exclude", "x", "{shop}"],
        ["query", "pod_phase(P, X)", "--settled", "{shop}"],
    ],
)
def test_options_between_words(typed: list[str], shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([each.format(shop=shop) for each in typed]) == 0, capsys.readouterr().err


def test_a_list_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``-f`` divides at commas, as kubectl does, but where a file is called so; ``-k`` does not."""
    head, _, rest = SHOP.partition("---\n")
    for name, text in (("a.yaml", head), ("b.yaml", rest), ("a,b.yaml", head)):
        (tmp_path / name).write_text(text)
    assert main(["plan", "-f", f"{tmp_path}/a.yaml,{tmp_path}/b.yaml"]) == 1
    assert "Deployment shop/cart  1/1" in capsys.readouterr().out
    assert main(["plan", "-f", f"{tmp_path}/a,b.yaml"]) == 0
    assert main(["plan", "-k", f"{tmp_path}/a.yaml,{tmp_path}/b.yaml"]) == 2


def test_files_keep_their_order() -> None:
    """What comes later is applied later, with ``-f`` and without; an option of the command itself stays one."""
    plan, can_i = (whole_parser().of(each) for each in ("plan", "can-i"))
    typed = ["plan", "-f", "a", "b", "-A", "-f", "c", "--", "-f"]
    assert habits.as_kubectl(typed, plan) == ["plan", "a", "b", "c", "--", "-f"]
    assert habits.as_kubectl(["can-i", "-A", "get", "x", "-f", "a"], can_i) == ["can-i", "-A", "get", "x", "a"]


@pytest.mark.parametrize(("probe", "code"), [("readinessProbe", 1), ("startupProbe", 1), ("livenessProbe", 0)])
def test_a_service_tells_why_its_pods_never_become_ready(
    probe: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = f"name: http}}], {probe}: {{httpGet: {{port: web}}}}}}"
    (tmp_path / "shop.yaml").write_text(SHOP.replace("name: http}]}", asked))
    assert main(["explain", "-n", "shop", "svc/cart", str(tmp_path)]) == code
    told = " ".join(capsys.readouterr().out.split())
    assert (f'{probe} of container app asks its port "web", but it has http:' in told) == bool(code)


def test_what_to_explain_comes_first(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", shop, "shop/till"]) == 2
    assert f"kubelogic explain shop/till {shop}" in capsys.readouterr().err


def test_a_forgotten_dash(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["explain", "shop/till"])
    assert error.value.code == 2
    assert "write - to read standard input" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("KL206", "rules/scheduling/node_resources_fit.dl"),
        ("KL203", "concepts/scheduling-eviction/taint-and-toleration"),
        ("kl203", "concepts/scheduling-eviction/taint-and-toleration"),
        ("KL101", "a key is there twice in one mapping"),
        ("KL291", "devices that a pod asks for and that capacity does not count"),
        ("KL152", "KL152: "),
    ],
)
def test_codes(code: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code]) == 0
    assert said in capsys.readouterr().out


def test_every_code_of_a_rule_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    main(["rules", "list", "-o", "json"])
    files = json.loads(capsys.readouterr().out)["files"]
    codes = {file["code"] for file in files if "code" in file} | {o["code"] for f in files for o in f["omits"]}
    from kubelogic.facts.rulebook import load_rulebook
    from kubelogic.report.codes import code_document

    book = load_rulebook()
    assert [code for code in sorted(codes - {""}) if code_document(book, code) is None] == []
    capsys.readouterr()
    assert main(["explain", "KL2006"]) == 2
    assert "did you mean KL206" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [
        ("206", 0, "KL206: Room for the requests"),
        ("kl206", 0, "KL206: Room for the requests"),
        ("KL2", 2, "there is no code KL2; did you mean"),
        ("999", 2, "there is no code KL999; did you mean"),
    ],
)
def test_a_code_may_be_short(word: str, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", word]) == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err


def test_an_object_may_be_called_as_a_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "pods.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: '206'}\nspec: {containers: [{name: a, image: b}]}\n"
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: kl206}\nspec: {containers: [{name: a, image: b}]}\n"
    )
    for name in ("206", "kl206"):
        main(["explain", name, str(tmp_path / "pods.yaml")])
        assert f"default/{name}" in capsys.readouterr().out


def test_a_diff_names_the_check_of_a_rollout(capsys: pytest.CaptureFixture[str]) -> None:
    check = Path(__file__).parents[2] / "fixtures" / "check"
    new, nodes = str(check / "new" / "web.yaml"), str(check / "cluster.yaml")
    main(["diff", str(check / "web.yaml"), new, "--with", nodes])
    left, last = capsys.readouterr().out.splitlines()[-2:]
    assert left.startswith("Not looked at: whether the rollout of Deployment shop/web gets through")
    assert last == f"Next: kubelogic check {nodes} {new}"
    main(["diff", str(check / "web.yaml"), new, "--with", nodes, "-o", "json"])
    document = json.loads(capsys.readouterr().out)
    assert (document["unrolled"], document["next"]) == (["Deployment shop/web"], f"kubelogic check {nodes} {new}")
    main(["diff", str(check / "web.yaml"), new])  # without nodes
    assert "EDITS" in (out := capsys.readouterr().out)
    assert "rollout" not in out


def test_rules_are_shown_and_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "show", "taint_toleration"]) == 0
    assert "#! title:   Taints and tolerations" in capsys.readouterr().out
    assert main(["rules", "show", "rejects_taint"]) == 0
    assert "does not tolerate" in capsys.readouterr().out
    assert main(["rules", "search", "TOLERATION"]) == 0
    assert "taint_toleration.dl: Taints and tolerations" in capsys.readouterr().out
    assert main(["rules", "search", "no-such-word"]) == 1
    assert main(["rules", "show", "rejects_tant"]) == 2
    assert "did you mean rejects_taint" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "explain", "simulate", "capacity", "query", "why", "rules", "version"])
def test_every_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"examples:\n  kubelogic {command}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("kubelogic ")


QUOTA = """---
apiVersion: v1
kind: ResourceQuota
metadata: {name: cap, namespace: shop}
spec: {hard: {requests.cpu: "1"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: i, resources: {requests: {cpu: 400m}}}]}
"""
NODE_ONLY = SHOP.partition("---")[0]


def test_a_workload_that_is_refused_in_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(NODE_ONLY + QUOTA)
    assert main(["explain", "shop/web", str(path)]) == 1
    out = capsys.readouterr().out
    assert "2 of 3 pods placed, 1 refused" in out
    assert "exceeded quota: cap" in out
    assert main(["explain", "shop/web", str(path), "-o", "json"]) == 1
    workload: dict[str, Any] = json.loads(capsys.readouterr().out)["workload"]
    assert (workload["wanted"], workload["placed"]) == (3, 2)
    assert workload["refused"][0]["missing"] == 1


def test_a_paused_deployment_says_that_it_is_and_how_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP.replace("  replicas: 1\n", "  replicas: 1\n  paused: true\n"))
    for words in (["plan", str(path)], ["explain", "-n", "shop", "deploy/cart", str(path)]):
        main(words)
        printed = " ".join(capsys.readouterr().out.split())
        assert "kubectl rollout resume deployment/cart -n shop" in printed
        assert "--horizon" not in printed


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (["explain", "-n", "shop", "deploy/cart", "pod/till"], "one at a time: ask of pod/till by itself"),
        (["explain", "KL206", "KL207"], "one at a time: ask of KL207 by itself"),
        (["rules", "show", "KL206"], "kubelogic explain KL206 tells what it means"),
    ],
)
def test_second_things_and_codes(typed: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed) == 2
    assert hint in capsys.readouterr().err


def test_a_code_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["KL206"])
    assert "kubelogic explain KL206 tells what it means" in capsys.readouterr().err


def test_only_choices_of_the_argument_itself_are_meant_perhaps(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["kubeadm", "hosts.yaml"])
    assert "did you mean" not in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["kubeadm", "scrip", "hosts.yaml"])
    assert "did you mean script?" in capsys.readouterr().err
