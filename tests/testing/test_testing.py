"""The public package for property tests: what it generates is accepted, what it finds is small and can be run again."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis.stateful import run_state_machine_as_test

from kubelogic import testing
from kubelogic.api import Cluster, InputError, Options, load, scenario, simulate
from kubelogic.cluster.state import State
from kubelogic.reconcile.scenario import Event, FailNode
from kubelogic.testing import (
    ClusterMachine,
    InvariantError,
    Trial,
    World,
    around,
    assert_schedulable,
    every_pod_placed,
    never_fewer_ready_than,
    no_service_interrupted,
    read_expectations,
    world,
)
from kubelogic.verify.invariants import UnknownInvariantError

STRATEGIES = {
    "nodes": testing.nodes,
    "pods": testing.pods,
    "deployments": testing.deployments,
    "statefulsets": testing.statefulsets,
    "daemonsets": testing.daemonsets,
    "jobs": testing.jobs,
    "services": testing.services,
    "budgets": testing.budgets,
    "claims": testing.claims,
}
FEW = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate, Phase.shrink],
)

NODES = "".join(
    f"""---
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}, topology.kubernetes.io/zone: {zone}}}}}
status: {{allocatable: {{cpu: "4", memory: 8Gi, pods: "110"}}}}
"""
    for name, zone in (("ash", "a"), ("elm", "b"), ("oak", "b"))
)


def web(replicas: int, cpu: str) -> str:
    return f"""---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: app, image: "web:1", resources: {{requests: {{cpu: "{cpu}"}}}}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}
"""


@pytest.fixture(scope="module")
def roomy() -> World:
    return world(NODES + web(3, "1"))


@pytest.fixture(scope="module")
def tight() -> World:
    return world(NODES + web(3, "3"))


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_strategies_make_is_accepted(name: str) -> None:
    @FEW
    @given(STRATEGIES[name]())
    def accepted(document: dict[str, Any]) -> None:
        assert load(document).kinds() == [document["kind"]]

    accepted()


def test_clusters_are_consistent() -> None:
    @settings(FEW, max_examples=30)
    @given(testing.clusters())
    def consistent(cluster: Cluster) -> None:
        assert cluster.objects("Node")
        apps = {obj.name for kind in ("Deployment", "StatefulSet") for obj in cluster.objects(kind).values()}
        for kind in ("Service", "PodDisruptionBudget"):
            assert {obj.name for obj in cluster.objects(kind).values()} <= apps
        classes = set(cluster.objects("StorageClass"))
        named = {
            obj.document["spec"].get("storageClassName") for obj in cluster.objects("PersistentVolumeClaim").values()
        }
        assert named <= classes

    consistent()


def test_examples_shrink_to_what_is_small() -> None:
    least = find(testing.manifests(), lambda _: True, settings=settings(FEW, max_examples=50))
    assert [each["metadata"]["name"] for each in least] == ["n1", "web"]
    web_alone = find(testing.deployments(), lambda _: True, settings=FEW)
    assert web_alone["spec"]["replicas"] == 1
    assert web_alone["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "100m"
    assert find(testing.quantities("memory"), lambda _: True) == "64Mi"
    with pytest.raises(ValueError, match="quantities of cpu"):
        testing.quantities("disk")
    assert find(testing.affinities(), lambda _: True) == {}
    two = find(testing.manifests(), lambda all_: sum(each["kind"] == "Node" for each in all_) == 2, settings=FEW)
    assert [each["metadata"]["name"] for each in two] == ["n1", "n2", "web"]
    assert {each["status"]["allocatable"]["cpu"] for each in two[:2]} == {"4"}


def test_what_holds_around_manifests_passes(roomy: World) -> None:
    @FEW
    @given(around(roomy, ["fail", "drain", "rollout", "cordon"]))
    def holds(trial: Trial) -> None:
        trial.check(every_pod_placed(), testing.every_service_has_an_endpoint(), never_fewer_ready_than("1"))

    holds()


def failing(test: Any) -> InvariantError:
    with pytest.raises(InvariantError) as caught:
        test()
    return caught.value


def test_a_counter_example_is_small_and_can_be_run_again(tight: World, tmp_path: Path) -> None:
    @FEW
    @given(around(tight, ["fail", "rollout", "scale"]))
    def holds(trial: Trial) -> None:
        trial.check(every_pod_placed())

    error = failing(holds)
    assert "Deployment default/web lacks 1 pod on nodes" in str(error)
    assert "run it again: kubelogic simulate manifests.yaml --scenario scenario.yaml" in str(error)
    text = str(error).partition("# manifests.yaml\n")[2].partition("\n# scenario.yaml\n")[0]
    steps = scenario(error.scenario)
    assert len(steps.events) == 1
    assert (steps.events[0].at, steps.horizon) == (60_000, 31 * 60_000)
    final = simulate(load(text), error.scenario).final
    assert len(final.pending) == 1


def test_a_counter_example_is_small_although_nothing_was_shrunk(tight: World) -> None:
    """Hypothesis shrinks for so long; what it prints has nothing that is not needed in any case."""
    found: list[int] = []

    @settings(FEW, phases=[Phase.generate], derandomize=True, report_multiple_bugs=False)
    @given(around(tight, ["fail", "rollout", "scale"], most=6))
    def holds(trial: Trial) -> None:
        assume(len(trial.events) > 2)
        found.append(len(trial.events))
        trial.check(every_pod_placed())

    error = failing(holds)
    assert found[-1] > 2
    assert len(scenario(error.scenario).events) == 1


def test_a_counter_example_can_be_pickled(tight: World) -> None:
    """Pools of processes pickle what a worker raises."""
    error = failing(lambda: Trial(tight, (Event(at=0, operation=FailNode(node="ash")),)).check("every_pod_placed"))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.violations, again.scenario) == (str(error), error.violations, error.scenario)


def test_manifests_are_read_before_the_first_example() -> None:
    """So the time that it takes counts for no deadline and no health check, and their faults are no examples."""

    @given(around(NODES + "---\nkind: Pod"))
    def never(_trial: Trial) -> None:
        raise AssertionError

    with pytest.raises(InputError, match="apiVersion"):
        never()


def test_every_disturbance_can_be_drawn(roomy: World) -> None:
    words = set()

    @settings(FEW, max_examples=120)
    @given(around(roomy, ALL, most=4, down=2))
    def drawn(trial: Trial) -> None:
        read = scenario(list(trial.steps), trial.cluster) if trial.events else scenario([])
        assert [(each.at - 60_000, each.operation) for each in read.events] == [
            (e.at, e.operation) for e in trial.events
        ]
        words.update(word for step in trial.steps for word in step if word != "at")

    drawn()
    assert {"fail", "patch", "scale", "image"} <= words


def test_probes_that_fail_reach_what_runs() -> None:
    probe = ", readinessProbe: {httpGet: {port: 80}}, livenessProbe: {httpGet: {port: 80}}"
    probed = world(NODES + web(2, "1").replace('image: "web:1"', f'image: "web:1"{probe}'))

    @FEW
    @given(around(probed, ["probe"], most=1))
    def holds(trial: Trial) -> None:
        trial.check(no_service_interrupted())

    error = failing(holds)
    assert "Service default/web has no ready endpoint" in str(error)
    assert "    probe: readiness\n    image: web:1" in error.scenario
    assert simulate(probed.given, error.scenario).final.endpoints[0].ready == ()
    both = {each["fail"]["probe"] for trial in drawn(probed) for each in trial.steps if "fail" in each}
    assert both == {"readiness", "liveness"}


def drawn(given_world: World) -> list[Trial]:
    """Trials with one probe that fails."""
    found: list[Trial] = []

    @settings(FEW, max_examples=30)
    @given(around(given_world, ["probe"], most=1))
    def collect(trial: Trial) -> None:
        found.append(trial)

    collect()
    return found


ALL = ["fail", "zone", "drain", "cordon", "rollout", "scale", "image", "probe"]


def test_disturbances_that_there_are_not_are_refused(roomy: World) -> None:
    with pytest.raises(ValueError, match="not earthquake"):
        around(roomy, ["earthquake"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="disturbances is several texts"):
        around(roomy, "fail")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="down is a whole number from 0 on, not -1"):
        around(roomy, down=-1)
    with pytest.raises(TypeError, match="options is an Options"):
        around(roomy, options=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a world has its options already"):
        around(roomy, options=Options(scheduler="kube"))


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (testing.nodes(-1), "name is text, not -1"),  # type: ignore[arg-type]
        (testing.nodes(zones=()), "zones is a sequence of one zone at least"),
        (testing.nodes(zones="abc"), "zones is several texts"),
        (testing.pods(node=5), "node is text, not 5"),  # type: ignore[arg-type]
        (testing.deployments(most=0), "most is a whole number from 1 on, not 0"),
        (testing.statefulsets(most=-3), "most is a whole number from 1 on, not -3"),
        (testing.daemonsets(None), "name is text, not None"),  # type: ignore[arg-type]
        (testing.jobs(most="2"), "most is a whole number from 1 on, not '2'"),  # type: ignore[arg-type]
        (testing.claims(storage_class=1), "storage_class is text, not 1"),  # type: ignore[arg-type]
        (testing.manifests(nodes_most=0), "nodes_most is a whole number from 1 on, not 0"),
        (testing.clusters(workloads_most=-1), "workloads_most is a whole number from 1 on, not -1"),
    ],
)
def test_strategies_refuse_what_they_cannot_make(strategy: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        find(strategy, lambda _: True, settings=FEW)


def test_a_rule_can_be_the_invariant(tmp_path: Path) -> None:
    rule = tmp_path / "two.dl"
    rule.write_text(
        '#! title:  Nobody on oak\n#: violates(Pod: pod) "{Pod} is on oak"\nviolates(Pod) <= pod_node(Pod, "oak")\n',
        encoding="utf-8",
    )
    from kubelogic.api import Options

    one = world(NODES + web(2, "3"), Options(rules=[rule]))

    @FEW
    @given(around(one, ["fail"]))
    def holds(trial: Trial) -> None:
        trial.check()

    assert "is on oak [violates]" in str(failing(holds))


@testing.invariant(always=True)
def nobody_on_oak(_before: State, after: State) -> Iterator[str]:
    """No pod runs on oak."""
    for key, pod in sorted(after.cluster.objects("Pod").items()):
        if pod.document["spec"].get("nodeName") == "oak":
            yield f"{key} is on oak"


def test_an_invariant_may_be_a_function_or_a_name(roomy: World) -> None:
    assert (nobody_on_oak.name, nobody_on_oak.says) == ("nobody_on_oak", "No pod runs on oak.")
    trial = Trial(roomy, (Event(at=0, operation=FailNode(node="elm")),))
    trial.check("every_pod_placed", "never_fewer_ready_than=1")
    with pytest.raises(InvariantError, match=r"is on oak \[nobody_on_oak\]"):
        trial.check(nobody_on_oak)
    with pytest.raises(UnknownInvariantError, match="did you mean every_pod_placed"):
        trial.check("every_pod_place")
    with pytest.raises(TypeError, match=r"call it: every_pod_placed\(\)"):
        trial.check(every_pod_placed)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="or its name, not 5"):
        trial.check(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="nothing gives sentences"):
        testing.invariant(nothing).check(roomy.base, roomy.base)


def nothing(_before: State, _after: State) -> Any:
    return "broken"


def test_a_world_that_never_comes_to_rest_is_broken() -> None:
    fixture = Path(__file__).parents[2] / "fixtures/literature/no-execute-and-node-name.yaml"
    with pytest.raises(InvariantError, match="never comes to rest"):
        Trial(world(fixture)).check("every_pod_placed")


class Roomy(ClusterMachine):
    source = NODES + web(3, "1")


class Interrupted(ClusterMachine):
    source = NODES + web(1, "1")
    holds = (no_service_interrupted(),)


class Sourceless(ClusterMachine):
    pass


def test_the_machine_finds_nothing_where_there_is_nothing() -> None:
    run_state_machine_as_test(Roomy, settings=settings(FEW, max_examples=6, stateful_step_count=6))


def test_what_a_machine_has_collected_is_run_at_its_end() -> None:
    machine = Interrupted()
    machine.now = 60_000
    machine.happens(FailNode(node="ash"))
    machine.happens(FailNode(node="elm"))
    machine.happens(FailNode(node="oak"))
    error = failing(machine.teardown)
    assert "Service default/web has no ready endpoint" in str(error)
    assert [each.at for each in scenario(error.scenario).events] == [120_000] * 3


@pytest.mark.slow
def test_the_machine_finds_a_short_run() -> None:
    def run() -> None:
        run_state_machine_as_test(Interrupted, settings=settings(FEW, max_examples=40, stateful_step_count=6))

    error = failing(run)
    assert "Service default/web has no ready endpoint" in str(error)
    assert len(scenario(error.scenario).events) == 1


def test_a_machine_needs_a_source() -> None:
    with pytest.raises(TypeError, match="has no source"):
        Sourceless()


def test_a_pod_that_finds_no_node_fails_with_the_explanation() -> None:
    cluster = load(NODES + web(2, "3"))
    assert assert_schedulable(cluster, "deploy/web").verdict == "placed"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "big"},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "9"}}}]},
    }
    with pytest.raises(AssertionError, match="default/big is not schedulable") as caught:
        assert_schedulable(cluster, pod)
    assert "Insufficient cpu" in str(caught.value)


EXPECTED = """
cluster: [nodes.yaml, web.yaml]
pods:
  web: placed
  default/web: on one of [ash, elm, oak]
  Deployment default/web: on one of [ash]
  default/nobody: placed
  big: pending KL206
  default/big: pending
  Pod default/big: placed
  Deployment default/big: pending KL204
"""
BIG = """---
apiVersion: v1
kind: Pod
metadata: {name: big}
spec: {containers: [{name: c, image: i, resources: {requests: {cpu: "9"}}}]}
"""


@pytest.fixture
def expected(tmp_path: Path) -> Path:
    (tmp_path / "nodes.yaml").write_text(NODES, encoding="utf-8")
    (tmp_path / "web.yaml").write_text(web(3, "3") + BIG, encoding="utf-8")
    (tmp_path / "shop.expect.yaml").write_text(EXPECTED, encoding="utf-8")
    return tmp_path / "shop.expect.yaml"


def test_expectations_are_compared(expected: Path) -> None:
    found = read_expectations(expected)
    plan = found.plan()
    said = [each.broken(plan).partition("\n")[0] for each in found.expected]
    assert said[:2] == ["", ""]
    assert " is on " in said[2]
    assert said[3] == "there is no pod or workload default/nobody"
    assert said[4:6] == ["", ""]
    assert said[6] == "1 of 1 pods of Pod default/big are pending"
    assert said[7] == "there is no pod or workload Deployment default/big; did you mean default/big?"


def test_pods_that_are_never_made_are_not_placed(tmp_path: Path) -> None:
    quota = """---
apiVersion: v1
kind: ResourceQuota
metadata: {name: small}
spec: {hard: {pods: "1"}}
"""
    (tmp_path / "all.yaml").write_text(NODES + web(3, "1") + quota, encoding="utf-8")
    file = tmp_path / "x.expect.yaml"
    file.write_text("{cluster: all.yaml, pods: {web: placed, Deployment default/web: pending}}", encoding="utf-8")
    found = read_expectations(file)
    plan = found.plan()
    for each in found.expected:
        assert "2 of 3 pods of " in each.broken(plan)
        assert "exceeded quota: small" in each.broken(plan)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", r"1:1: a file of expectations is a mapping"),
        ("", "is one document, here are 0"),
        ("{cluster: a.yaml, pods: {}}", r"1:25: pods: it is a mapping"),
        ("{cluster: 5, pods: {web: placed}}", r"1:11: cluster: it is a path"),
        ("{pods: {web: placed}}", r"1:1: cluster is missing"),
        ("{cluster: a.yaml, pods: {web: gone}}", r"1:31: pods.web: placed, pending"),
        ("{cluster: a.yaml, pods: {web: placed}, scheduler: best}", "scheduler: it is optimal or kube, not 'best'"),
        ("{cluster: a.yaml, pods: {web: placed}, pod: {}}", "unknown field pod; did you mean pods"),
        ("{cluster: a.yaml, pods: {web: placed}, rules: [7]}", "rules: it is a path"),
        ("{cluster: a.yaml, pods: {web: placed}, set: 7}", "set: it is a mapping"),
        ("{cluster: a.yaml, pods: {web: pending KL}}", "not 'pending KL'"),
        ("{cluster: a.yaml, pods: {web: pending KL999}}", "there is no code KL999"),
        ("{cluster: '', pods: {web: placed}}", r"1:11: cluster: it is a path"),
        ("{cluster: a.yaml, pods: {'': placed}}", "a line names no pod or workload"),
        ('{cluster: a.yaml, pods: {web: "on one of []"}}', "on one of no nodes"),
    ],
)
def test_faults_of_expectations_are_told(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "x.expect.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_expectations(file)


TEST = """
import pytest

@pytest.mark.kubelogic("nodes.yaml", "web.yaml")
def test_plan(kubelogic_plan, kubelogic_cluster, kubelogic_session):
    assert len(kubelogic_plan.placements) == 3
    assert kubelogic_session.plan(kubelogic_cluster) == kubelogic_plan

@pytest.mark.kubelogic("nodes.yaml", nmespace="shop")
def test_with_a_wrong_marker(kubelogic_cluster):
    pass

def test_without_a_marker(kubelogic_cluster):
    pass
"""


def test_the_plugin_collects_expectations_and_gives_fixtures(expected: Path) -> None:
    (expected.parent / "test_it.py").write_text(TEST, encoding="utf-8")
    wrong = "{cluster: nodes.yaml, pods: {ash: placed}, set: {no_such: 1}}"
    (expected.parent / "set.expect.yaml").write_text(wrong, encoding="utf-8")
    found = entry_points(group="pytest11", name="kubelogic")  # by which it is found where kubelogic is installed
    plugin = [] if found else ["-p", "kubelogic.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "-q", "-rA"]
    done = subprocess.run(
        [*command, "."], cwd=expected.parent, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "PASSED test_it.py::test_plan" in done.stdout
    assert "mark it with @pytest.mark.kubelogic(path, ...)" in done.stdout
    assert "PASSED shop.expect.yaml::default/web" in done.stdout
    assert "Pod default/big is expected to be: placed" in done.stdout
    assert "Traceback" not in done.stdout
    assert "there is no parameter 'no_such'" in done.stdout
    assert "runner.py" not in done.stdout
    assert "the marker takes paths, namespace, nodes, not nmespace" in done.stdout
    assert "Insufficient cpu" in done.stdout


def test_names_are_imported_when_they_are_used() -> None:
    assert {*testing._WHERE} == {*testing.__all__}
    assert all(getattr(testing, name) is not None for name in testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nodez'"):
        _ = testing.nodez
    code = "import sys; import kubelogic.pytest_plugin; print('hypothesis' in sys.modules, 'z3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.split()[-1] == "False"
