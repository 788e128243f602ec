"""A session: the verbs with everything kept that the next question can use.

The rules are read once, what was compiled stays, and the relations of the last run are changed into those of the next
one instead of being derived from nothing. A question about the cluster of the last run is answered from that run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Rulebook
from kubelogic.reconcile.scenario import Scenario
from kubelogic.text import Notice
from kubelogic.verbs.about import About, explain_done
from kubelogic.verbs.capacity import Capacity, capacity
from kubelogic.verbs.check import Check, CheckOptions, Input, check
from kubelogic.verbs.diff import Diff, diff
from kubelogic.verbs.plan import plan_of
from kubelogic.verbs.query import Engine as Asked
from kubelogic.verbs.query import QueryResult, WhyResult, query, why
from kubelogic.verbs.reconciled import Engine, Options, Reconciled, engine, expect_options, reconcile, renewed
from kubelogic.verbs.results import Plan
from kubelogic.verbs.simulate import Simulation, SimulationOptions, simulate


class Session:
    """Answers one question after the other, with one set of options. The answers are those of the plain verbs.

    A session belongs to one thread: it changes what it keeps.

    >>> node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "oak"}}
    >>> from kubelogic.verbs.load import load
    >>> session = Session()
    >>> session.plan(load(node))
    <Plan: 0 placed; settled after 2 ticks>
    """

    def __init__(self, options: Options | None = None) -> None:
        """Read the rules.

        Args:
            options: how to reconcile.

        Raises:
            RuleErrors: if the rules or parameters are faulty.
        """
        self.options = Options() if options is None else options
        expect_options(self.options)
        self.rulebook: Rulebook = load_rulebook(self.options.rules, self.options.parameters)
        self._engine: Engine | None = None
        self._last: Reconciled | None = None

    def __repr__(self) -> str:
        about = "nothing yet" if self._last is None else repr(self._last.before)
        return f"<Session with scheduler {self.options.scheduler}; last asked about {about}>"

    def reconciled(self, cluster: Cluster) -> Reconciled:
        """The cluster after its controllers have run. The next call changes the relations of the result."""
        last = self._last
        if last is not None and last.before is cluster:
            last.engine.relations(last.run.state)
            return last
        made = self._taken()
        done = reconcile(cluster, self.options, made)
        self._engine, self._last = made, done
        return done

    def plan(self, cluster: Cluster, *, notices: Sequence[Notice] = (), allow_moves: int | None = None) -> Plan:
        """See ``kubelogic.verbs.plan.plan``."""
        return plan_of(self.reconciled(cluster), self.options, notices=notices, allow_moves=allow_moves)

    def explain(
        self,
        cluster: Cluster,
        what: str,
        *,
        namespace: str = "default",
        most_repairs: int | None = None,
        drained: bool = False,
    ) -> About:
        """See ``kubelogic.verbs.about.explain_any``."""
        done = self.reconciled(cluster)
        return explain_done(done, what, self.options, namespace=namespace, most_repairs=most_repairs, drained=drained)

    def simulate(
        self,
        cluster: Cluster,
        scenario: Scenario | None = None,
        *,
        start: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Simulation:
        """See ``kubelogic.verbs.simulate.simulate``."""
        how = SimulationOptions(options=self.options, start=start, progress=progress)
        made = self._taken()
        found = simulate(cluster, Scenario() if scenario is None else scenario, how, made=made)
        self._engine = made
        return found

    def capacity(
        self, cluster: Cluster, pod: Object | None = None, *, replicas: int = 1, minimize: bool = True
    ) -> Capacity:
        """See ``kubelogic.verbs.capacity.capacity``."""
        return capacity(cluster, pod, self.options, replicas=replicas, minimize=minimize)

    def check(self, given: Cluster | Input, how: CheckOptions | None = None, *, base: Cluster | None = None) -> Check:
        """See ``kubelogic.verbs.check.check``."""
        return check(given, self.options, CheckOptions() if how is None else how, base=base)

    def diff(self, old: Cluster, new: Cluster) -> Diff:
        """See ``kubelogic.verbs.diff.diff``."""
        return diff(old, new, self.options)

    def query(self, cluster: Cluster, atom: str, *, settled: bool = False, engine: Asked = "compiled") -> QueryResult:
        """See ``kubelogic.verbs.query.query``."""
        rules, parameters = tuple(self.options.rules), self.options.parameters
        return query(cluster, atom, rules=rules, parameters=parameters, settled=settled, engine=engine)

    def why(self, cluster: Cluster, atom: str, *, settled: bool = False, limit: int = 1) -> WhyResult:
        """See ``kubelogic.verbs.query.why``."""
        rules, parameters = tuple(self.options.rules), self.options.parameters
        return why(cluster, atom, rules=rules, parameters=parameters, settled=settled, limit=limit)

    def _taken(self) -> Engine:
        """The engine for a run. It is given back after the run: what an error left half done is not used again."""
        made, self._engine, self._last = self._engine, None, None
        return engine(self.options, self.rulebook) if made is None else renewed(made, self.options)
