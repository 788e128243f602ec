"""The pure functions that the rules of controllers and kubelets call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from zlib import crc32

from kubelogic.cluster import naming
from kubelogic.facts import functions as scheduling
from kubelogic.facts.schedules import next_time, recent_time
from kubelogic.logic.functions import functions_of
from kubelogic.logic.plan import Function
from kubelogic.reconcile import addresses, identity, network, volume_words, words
from kubelogic.text.numbers import whole


def smaller(a: int, b: int) -> int:
    """The smaller of two numbers."""
    return min(a, b)


def larger(a: int, b: int) -> int:
    """The larger of two numbers."""
    return max(a, b)


def within(before: int, own: int, most: int) -> int:
    """How many of ``own`` things that come after ``before`` others are among the first ``most``.

    >>> within(0, 2, 3), within(2, 2, 3), within(4, 2, 3)
    (2, 1, 0)
    """
    return max(0, min(own, most - before))


def shortfall(left: int, offer: int) -> int:
    """The square of the part of ``left`` that ``offer`` leaves open, in billionths.

    Source: pkg/kubelet/preemption/preemption.go, distance.

    >>> shortfall(4, 2), shortfall(4, 5), shortfall(4, 0)
    (250000000, 0, 1000000000)
    """
    open_part = max(0, left - offer)
    return 10**9 * open_part * open_part // (left * left)


def rounded(a: int, b: int) -> int | None:
    """``a / b`` rounded to the nearest whole number, halves away from zero. None if ``b`` is 0.

    Source: k8s.io/utils/integer, RoundToInt32.

    >>> rounded(5, 2), rounded(-5, 2), rounded(7, 3)
    (3, -3, 2)
    """
    if b == 0:
        return None
    sign = 1 if (a >= 0) == (b > 0) else -1
    return sign * ((2 * abs(a) + abs(b)) // (2 * abs(b)))


def age_rank(now: int, moment: int) -> int:
    """The logarithm of an age, as scale-down compares ages: -1 for none.

    Moments are whole seconds in the API. Source: controller_utils.go, logarithmicRankDiff.

    >>> age_rank(10_000, 9_000) < age_rank(10_000, 5_000), age_rank(0, 0)
    (True, -1)
    """
    age = (now - moment // 1000 * 1000) * 1_000_000
    return age.bit_length() - 1 if age > 0 else -1


def backoff(restarts: int, first: int, most: int) -> int:
    """How long a container waits for its next restart: not at all for the first, then doubling.

    >>> [backoff(n, 10, 300) for n in range(7)]
    [0, 10, 20, 40, 80, 160, 300]
    >>> backoff(-1, 10, 300), backoff(2**31 - 1, 10, 300)
    (0, 300)
    """
    if restarts <= 0:
        return 0
    return min(first << min(restarts - 1, most.bit_length()), most)


def number_text(number: int) -> str:
    """A number as text."""
    return str(number)


def joined(first: str, second: str) -> str:
    """Two parts of a list that is written with commas."""
    return f"{first},{second}" if first else second


def concatenated(start: str, rest: str) -> str:
    """Two texts in a row.

    >>> concatenated("a: ", "b")
    'a: b'
    """
    return start + rest


def named(template: str, name: str) -> str:
    """A sentence with a name in it.

    >>> named('ReplicaSet "{}"', "web")
    'ReplicaSet "web"'
    """
    return template.replace("{}", name)


def bare_name(key: str) -> str:
    """The name in a key."""
    return key.rpartition("/")[2]


def claim_key(template: str, pod: str) -> str:
    """The key of the claim that a StatefulSet's pod has from a claim template.

    >>> claim_key("data", "shop/db-0")
    'shop/data-db-0'
    """
    namespace, _, name = pod.rpartition("/")
    return f"{namespace}/{template}-{name}"


def generated_name(owner: str, number: int) -> str:
    """The key of the object that is generated as the ``number``-th, from 0, for ``owner`` (a key)."""
    return naming.pod_name(owner, number)


def percent_up(percent: int, total: int) -> int:
    """A percentage of a number, rounded up.

    >>> percent_up(50, 5)
    3
    """
    return -(-percent * total // 100)


def place(owner: str, node: str) -> str:
    """One text for an owner and a node."""
    return f"{owner} {node}"


def address_mark(  # noqa: PLR0917 - one argument a column
    ip: str, pod: str, node: str, hostname: str, state: str, name: str, number: int, protocol: str
) -> int:
    """A number that stands for an address as Endpoints list it; sums of such numbers hardly ever agree by chance."""
    return crc32(f"{ip}\0{pod}\0{node}\0{hostname}\0{state}\0{name}\0{number}\0{protocol}".encode())


def run_name(cron_job: str, moment: int) -> str:
    """The key of the Job that a CronJob makes for a moment: the name says the minute.

    >>> run_name("shop/report", 120_000)
    'shop/report-2'
    """
    return f"{cron_job}-{moment // 60_000}"


def text_number(text: str) -> int | None:
    """The number that a text stands for, if it does."""
    return whole(text)


def deviation(value: int, goal: int, down: int, up: int) -> int:
    """Whether a metric is below its goal (-1), near it (0) or above it (1).

    Args:
        value: of the metric.
        goal: for it; 0, of a workload that reports no pods, is never near.
        down: thousandths below the goal that are still near it.
        up: thousandths above it.

    Source: replica_calculator.go, Tolerances.

    >>> deviation(45, 50, 100, 100), deviation(56, 50, 100, 100)
    (0, 1)
    """
    if goal == 0:
        return 1
    ratio = value / goal
    if 1.0 - down / 1000 <= ratio <= 1.0 + up / 1000:
        return 0
    return 1 if ratio > 1 else -1


def pods_for(value: int, goal: int, pods: int) -> int | None:
    """How many pods bring a metric to its goal, in the controller's floating point.

    >>> pods_for(75, 50, 3)
    5
    """
    return math.ceil(value / goal * pods) if goal else None


def policy_limit(direction: str, unit: str, amount: int, start: int) -> int:
    """How far a policy of an autoscaler lets it go from the pods at the start of a period.

    Source: horizontal.go, calculateScaleUpLimitWithScalingRules and calculateScaleDownLimitWithBehaviors.

    >>> policy_limit("scaleUp", "Percent", 50, 5), policy_limit("scaleDown", "Pods", 2, 5)
    (8, 3)
    """
    if unit == "Pods":
        return start + amount if direction == "scaleUp" else start - amount
    if direction == "scaleUp":
        return math.ceil(start * (1 + amount / 100))
    return int(start * (1 - amount / 100))


def container_key(uid: str, container: str) -> str:
    """One text for a container of a pod, in the memory of kubelets."""
    return f"{uid} {container}"


def has_labels(labels: str, label_set: str) -> int:
    """Whether a label set has all of some labels; both as constants of ``facts.selectors.label_set``.

    >>> has_labels("app=web", "app=web,tier=a"), has_labels("app=web", "app=webshop")
    (1, 0)
    """
    return 1 if set(labels.split(",")) <= set(label_set.split(",")) else 0


def pull_retry(first: int, most: int, failed: int, again: int) -> int:
    """When a kubelet tries again to pull an image: at once if there is no back-off.

    Args:
        first: the back-off after the first failure, in milliseconds.
        most: its limit.
        failed: when the first try failed.
        again: when the image was there again.

    >>> [pull_retry(10, 300, 0, again) for again in (1, 10, 11, 200, 311, 611)]
    [10, 10, 30, 310, 610, 910]
    """
    if first <= 0:
        return max(failed, again)
    moment, wait = failed, first
    while moment < again:
        if wait == most:
            return moment + -(-(again - moment) // most) * most
        moment, wait = moment + wait, min(2 * wait, most)
    return moment


def spread_place(claim: str, number: int) -> int:
    """Which of so many places, in order, a volume without a chosen node is made in.

    Volumes of one StatefulSet go round the places; those of one of its pods are together.
    Source: kubernetes-csi external-provisioner, getPVCNameHashAndIndexOffset.

    >>> [spread_place(f"d/data-db-{i}", 3) for i in range(4)]
    [1, 2, 0, 1]
    """
    name = claim.rpartition("/")[2]
    rest, dash, ordinal = name.rpartition("-")
    place = whole(ordinal) if dash else None
    index, hashed = (0, name) if place is None else (place, rest.rpartition("-")[2])
    value = 2166136261
    for byte in hashed.encode():
        value = (value * 16777619 & 0xFFFFFFFF) ^ byte
    return (value + index) % number


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        **functions_of(
            vars(scheduling), vars(words), vars(volume_words), vars(addresses), vars(identity), vars(network), vars()
        ),
        "attachment_key": place,
        "next_time": next_time,
        "recent_time": recent_time,
    }
)
"""By the name of the predicate that is declared with ``->``: the functions of this module and of others like it."""
