"""What can be asked about all that may happen to a cluster, and the refusal of what is no question."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import msgspec

from kubelogic.verbs.arguments import FLAG, Wanted, expect, several
from kubelogic.verify.cases import survival
from kubelogic.verify.invariants import Invariant

INVARIANTS = Wanted(
    words="a sequence of names, of paths of rule files and of invariants",
    fits=lambda value: several(value, str, os.PathLike, Invariant),
)


class WrongQuestionError(ValueError):
    """The question makes no sense: two at once, or about something that is not there."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What to verify.

    Attributes:
        survive: what may fail at once: ``node:1``, ``zone:1``, ``label:KEY``, ``node:2``.
        during_rollout: a workload that is rolled out anew meanwhile, as ``deploy/web``.
        drain_all: whether there is an order in which every node can be drained, one after the other.
        any_order: whether all pods get a place in whatever order they come, however kube-scheduler breaks ties.
        invariants: names (see ``invariants.NAMED``), rule files or invariants; none: those that fit the question.
        extra_nodes: so many more nodes of each kind are there.
        limit: seconds for the whole question; needs a clock in the options.
    """

    survive: str = ""
    during_rollout: str = ""
    drain_all: bool = False
    any_order: bool = False
    invariants: Sequence[str | Invariant] = ()
    extra_nodes: int = 0
    limit: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no question.

        Raises:
            WrongQuestionError: then.
            TypeError: a value of another type.
        """
        expect(INVARIANTS, invariants=self.invariants)
        expect(FLAG, drain_all=self.drain_all, any_order=self.any_order)
        for name, value in (("survive", self.survive), ("during_rollout", self.during_rollout)):
            if not isinstance(value, str):
                raise TypeError(f"{name} is text such as node:1 or deploy/web, not {value!r}")
        if isinstance(self.limit, bool) or not isinstance(self.limit, int | float):
            raise TypeError(f"limit is a number of seconds, not {self.limit!r}")
        if not 0 <= self.limit < math.inf:
            raise WrongQuestionError(f"limit is a number of seconds from 0 on, not {self.limit!r}")
        if isinstance(self.extra_nodes, bool) or not isinstance(self.extra_nodes, int) or self.extra_nodes < 0:
            raise WrongQuestionError(f"extra_nodes is a number from 0 on, not {self.extra_nodes!r}")
        asked = [bool(self.survive or self.during_rollout), self.drain_all, self.any_order]
        if sum(asked) > 1:
            raise WrongQuestionError("ask one thing: survive (perhaps during a rollout), drain_all or any_order")
        if self.any_order and self.invariants:
            raise WrongQuestionError("any_order asks whether all pods get a node, and takes no invariants")

    def __str__(self) -> str:
        parts = [
            f"survives {survival(self.survive)}" if self.survive else "",
            f"during a rollout of {self.during_rollout}" if self.during_rollout else "",
            "every node can be drained" if self.drain_all else "",
            "all pods get a place in any order" if self.any_order else "",
        ]
        return " ".join(filter(None, parts)) or "the invariants hold"
