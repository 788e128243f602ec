"""Random scenarios: workloads of all kinds, and what happens to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from kubelogic.cluster.edit import metadata
from tests.differential.compare import Compared, Difference, unfinished
from tests.support.lab import Lab, workload

IMAGES = ("app:1", "app:2", "app:3", "slow:1", "manual:1", "stuck:1", "broken:1")
"""``slow`` is ready late, ``manual`` when told, ``stuck`` does not stop when asked, ``broken`` cannot be pulled."""

_WORLD = (
    ("image_ready_after", ("slow:1", 7_000)),
    ("image_stays_unready", ("manual:1",)),
    ("image_ignores_stop", ("stuck:1",)),
    ("image_cannot_be_pulled", ("broken:1",)),
)

_NUMBERS = (0, 1, 2, 3, "25%", "34%", "50%", "100%")


class Scenario:
    """One scenario, played on a lab of its own."""

    def __init__(self, compared: Compared, random: Random) -> None:
        """Open a lab of a few nodes."""
        self.random = random
        self.compared = compared
        self.lab = Lab(compared, nodes=[f"n{number}" for number in range(1, random.randint(3, 6))])
        self.lab.world(*_WORLD)

    def play(self, events: int) -> list[Difference]:
        """Make workloads, let things happen, wait until all is quiet; what differed on the way."""
        makers = (self._deployment, self._replica_set, self._stateful_set, self._daemon_set, self._job)
        for maker in self.random.sample(makers, self.random.randint(1, 3)):
            maker()
        if self.random.random() < 0.5:
            self._budget()
        self._pass()
        for _ in range(events):
            self._event()
            self._pass()
        for node in [row[0] for row in self.lab.state.world.get("node_silent_since", ())]:
            self.lab.heal(str(node))
        self.lab.wait(1_800)
        left = tuple(sorted(unfinished(self.lab.state), key=str))
        found = list(self.compared.differences)
        if left:
            found.append(Difference(kind="end", now=self.lab.state.now, only_transcribed=left, only_derived=()))
        return found

    def _pass(self) -> None:
        self.lab.wait(self.random.choice((0.3, 1.5, 4, 12, 45, 120)))

    # -- workloads ---------------------------------------------------------------------------------------------

    def _image(self) -> str:
        return self.random.choice(IMAGES[:5] if self.random.random() < 0.8 else IMAGES)

    def _limits(self, first: str, second: str) -> dict[str, Any]:
        chosen = {first: self.random.choice(_NUMBERS), second: self.random.choice(_NUMBERS)}
        return {name: value for name, value in chosen.items() if self.random.random() < 0.8}

    def _deployment(self) -> None:
        strategy: dict[str, Any] = {"type": "Recreate"}
        if self.random.random() < 0.85:
            strategy = {"type": "RollingUpdate", "rollingUpdate": self._limits("maxSurge", "maxUnavailable")}
        self.lab.create(
            workload(
                "Deployment",
                "web",
                image=self._image(),
                replicas=self.random.randint(0, 8),
                strategy=strategy,
                minReadySeconds=self.random.choice((0, 0, 5)),
                revisionHistoryLimit=self.random.choice((0, 1, 10)),
            )
        )

    def _replica_set(self) -> None:
        self.lab.create(
            workload(
                "ReplicaSet",
                "set",
                image=self._image(),
                replicas=self.random.randint(0, 7),
                minReadySeconds=self.random.choice((0, 5)),
            )
        )

    def _stateful_set(self) -> None:
        strategy: dict[str, Any] = {"type": "OnDelete"}
        if self.random.random() < 0.8:
            partition = self.random.choice((0, 0, 1, 2, 5))
            strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
        self.lab.create(
            workload(
                "StatefulSet",
                "db",
                image=self._image(),
                replicas=self.random.randint(0, 5),
                podManagementPolicy=self.random.choice(("OrderedReady", "Parallel")),
                updateStrategy=strategy,
                minReadySeconds=self.random.choice((0, 0, 5)),
                ordinals={"start": self.random.choice((0, 0, 3))},
            )
        )

    def _daemon_set(self) -> None:
        strategy: dict[str, Any] = {"type": "OnDelete"}
        if self.random.random() < 0.85:
            one = self.random.choice(("maxSurge", "maxUnavailable"))
            strategy = {"type": "RollingUpdate", "rollingUpdate": {one: self.random.choice((1, 2, "34%", "50%"))}}
            if one == "maxSurge":
                strategy["rollingUpdate"]["maxUnavailable"] = 0
        chosen: dict[str, Any] = {"nodeSelector": {"disk": "ssd"}} if self.random.random() < 0.2 else {}
        self.lab.create(
            workload(
                "DaemonSet",
                "agent",
                image=self._image(),
                updateStrategy=strategy,
                minReadySeconds=self.random.choice((0, 0, 5)),
                template_spec=chosen,
            )
        )

    def _job(self) -> None:
        wanted: dict[str, Any] = {"parallelism": self.random.randint(0, 4)}
        if self.random.random() < 0.7:
            wanted["completions"] = self.random.randint(1, 6)
        if "completions" in wanted and self.random.random() < 0.5:
            wanted["completionMode"] = "Indexed"
        if self.random.random() < 0.3:
            wanted["podReplacementPolicy"] = "Failed"
        if self.random.random() < 0.3:
            wanted["activeDeadlineSeconds"] = self.random.choice((20, 90))
        policy = self.random.choice(("Never", "OnFailure"))
        self.lab.create(
            workload(
                "Job",
                "task",
                image=self._image(),
                backoffLimit=self.random.choice((0, 1, 3)),
                template_spec={"restartPolicy": policy},
                **wanted,
            )
        )

    def _budget(self) -> None:
        name = self.random.choice(("web", "set", "db"))
        rule = self.random.choice(("minAvailable", "maxUnavailable"))
        self.lab.create(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "budget"},
                "spec": {"selector": {"matchLabels": {"app": name}}, rule: self.random.choice(_NUMBERS)},
            }
        )

    # -- events ------------------------------------------------------------------------------------------------

    def _event(self) -> None:
        events: Mapping[Callable[[], None], int] = {
            self._new_image: 5,
            self._scale: 4,
            self._pause: 2,
            self._delete_pod: 3,
            self._evict_pod: 2,
            self._readiness: 4,
            self._finish: 4,
            self._relabel: 1,
            self._orphan: 1,
            self._silence: 3,
            self._heal: 2,
            self._cordon: 1,
            self._taint: 2,
            self._label_node: 1,
            self._add_node: 1,
            self._delete_node: 1,
            self._delete_workload: 1,
            self._suspend: 2,
            self._retune: 2,
        }
        (event,) = self.random.choices(list(events), weights=list(events.values()))
        event()

    def _one(self, *kinds: str) -> tuple[str, str] | None:
        there = [(kind, key) for kind in kinds for key in sorted(self.lab.state.cluster.objects(kind))]
        return self.random.choice(there) if there else None

    def _top(self, *kinds: str) -> tuple[str, str] | None:
        found = self._one(*kinds)
        if found is None or metadata(self.lab.object(*found)).get("ownerReferences"):
            return None
        return found

    def _new_image(self) -> None:
        found = self._top("Deployment", "StatefulSet", "DaemonSet")
        if found is not None:
            self.lab.image(*found, self._image())

    def _scale(self) -> None:
        found = self._top("Deployment", "StatefulSet", "ReplicaSet")
        if found is not None:
            self.lab.scale(*found, self.random.randint(0, 9))

    def _pause(self) -> None:
        found = self._one("Deployment")
        if found is not None:
            paused = not self.lab.document(*found)["spec"].get("paused", False)
            self.lab.patch(*found, {"spec": {"paused": paused}})

    def _pod(self) -> str | None:
        found = self._one("Pod")
        return None if found is None else found[1]

    def _delete_pod(self) -> None:
        pod = self._pod()
        if pod is not None:
            self.lab.delete("Pod", pod, grace=self.random.choice((None, None, 0)))

    def _evict_pod(self) -> None:
        pod = self._pod()
        if pod is not None:
            self.lab.evict(pod)

    def _readiness(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            pod = self._pod()
            if pod is not None:
                self.lab.ready(pod, is_ready=self.random.random() < 0.7)

    def _finish(self) -> None:
        for _ in range(self.random.randint(1, 3)):
            pod = self._pod()
            if pod is not None:
                self.lab.finish(pod, code=self.random.choice((0, 0, 1)))

    def _relabel(self) -> None:
        pod = self._pod()
        if pod is not None:
            self.lab.patch("Pod", pod, {"metadata": {"labels": {"app": self.random.choice(("web", "set", "other"))}}})

    def _orphan(self) -> None:
        name = self.random.choice(("web", "set", "agent"))
        meta = {"name": f"orphan-{self.random.randint(1, 99)}", "labels": {"app": name}}
        spec = {"containers": [{"name": "c", "image": "app:1"}]}
        self.lab.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})

    def _node(self) -> str:
        found = self._one("Node")
        assert found is not None
        return found[1]

    def _silence(self) -> None:
        node = self._node()
        if not any(row[0] == node for row in self.lab.state.world.get("node_silent_since", ())):
            self.lab.silence(node)

    def _heal(self) -> None:
        self.lab.heal(self._node())

    def _cordon(self) -> None:
        self.lab.patch("Node", self._node(), {"spec": {"unschedulable": self.random.random() < 0.6}})

    def _taint(self) -> None:
        node = self._node()
        kept = self.lab.document("Node", node)["spec"].get("taints") or []
        own = [each for each in kept if each["key"] != "team"]
        if self.random.random() < 0.6:
            own.append({"key": "team", "value": "x", "effect": self.random.choice(("NoSchedule", "NoExecute"))})
        self.lab.patch("Node", node, {"spec": {"taints": own}})

    def _label_node(self) -> None:
        disk = self.random.choice(("ssd", "hdd"))
        self.lab.patch("Node", self._node(), {"metadata": {"labels": {"disk": disk}}})

    def _add_node(self) -> None:
        self.lab.add_node(f"new-{self.random.randint(1, 9)}", labels={"disk": "ssd"})

    def _delete_node(self) -> None:
        if len(self.lab.state.cluster.objects("Node")) > 2:
            self.lab.delete("Node", self._node())

    def _delete_workload(self) -> None:
        found = self._top("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
        if found is not None:
            self.lab.delete(*found, propagation=self.random.choice(("Background", "Foreground", "Orphan")))

    def _suspend(self) -> None:
        found = self._one("Job")
        if found is not None:
            suspended = not self.lab.document(*found)["spec"].get("suspend", False)
            self.lab.patch(*found, {"spec": {"suspend": suspended}})

    def _retune(self) -> None:
        found = self._top("Deployment", "StatefulSet", "Job")
        match found:
            case ("Deployment", _):
                rolling = {
                    "maxSurge": self.random.choice((1, "50%")),
                    "maxUnavailable": self.random.choice((0, 1, "50%")),
                }
                self.lab.patch(*found, {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}})
            case ("StatefulSet", _):
                rolling = {"partition": self.random.randint(0, 4)}
                self.lab.patch(
                    *found, {"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}}
                )
            case ("Job", _):
                self.lab.patch(*found, {"spec": {"parallelism": self.random.randint(0, 5)}})
