"""What a shape needs of its nodes and of volumes, as constraints that every placement keeps to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import z3

from kubelogic.placement.optimal.terms import Literal, Terms, reaches
from kubelogic.placement.problem import Reach, Shape


def add(terms: Terms) -> None:
    """Add how many pods there are, where they may go, and what they use: resources, ports, tokens, volumes, claims."""
    everywhere = range(len(terms.groups))
    for name, number in terms.count.items():
        total = terms.sum([name], everywhere)
        terms.solver.add(total <= number)
        terms.under([terms.literal("count", name)], total >= number)
        _reach(terms, name)
    _resources(terms)
    _ports(terms)
    _tokens(terms)
    _volumes(terms)
    _claims(terms)


def _reach(terms: Terms, name: str) -> None:
    """Where the shape may not go, and how many each node takes of it alone."""
    shape, problem = terms.shapes[name], terms.problem
    for g, members in enumerate(terms.groups):
        node_class = problem.nodes[members[0]].node_class
        usable = [n for n in members if reaches(problem.allowed[name], problem.nodes[n])]
        if len(usable) < len(members):
            for reason in sorted(terms.denied.get((name, node_class), {"allowed"})):
                literal = terms.literal(reason, name, node_class)
                _bound(terms, shape, g, usable, [literal])
        _bound(terms, shape, g, members, [])


def _bound(terms: Terms, shape: Shape, group: int, nodes: Sequence[int], under: Sequence[Literal]) -> None:
    """What the nodes of a group take at most of a shape, by each resource for itself."""
    x = terms.x[shape.name, group]
    if not nodes:
        terms.under(under, x <= 0)
        return
    if terms.fine:
        return
    node_class = terms.problem.nodes[nodes[0]].node_class
    for resource, asks in sorted(shape.requests.items()):
        if asks > 0:
            literals = [
                *under,
                terms.literal("request", shape.name, resource),
                terms.literal("capacity", node_class, resource),
            ]
            room, sharers = 0, set()
            for n in nodes:
                free, others = _free(terms, n, resource)
                room += max(free, 0) // asks
                sharers |= others
            if room < terms.count[shape.name]:
                more = [terms.literal("request", other, resource) for other in sorted(sharers - {shape.name})]
                terms.under([*literals, *more], x <= room)


def _free(terms: Terms, node: int, resource: str) -> tuple[int, set[str]]:
    """What the pods that stay leave of a node, and the waiting shapes among theirs."""
    entry = terms.problem.nodes[node]
    free, shapes = entry.allocatable.get(resource, 0), set()
    for name, times in terms.stay.get(entry.name, {}).items():
        asks = terms.all_shapes[name].requests.get(resource, 0) * times
        free -= asks
        if asks and name in terms.count:
            shapes.add(name)
    return free, shapes


def _resources(terms: Terms) -> None:
    asked = sorted({r for shape in terms.shapes.values() for r, amount in shape.requests.items() if amount > 0})
    for g, members in enumerate(terms.groups):
        node_class = terms.problem.nodes[members[0]].node_class
        for resource in asked:
            room, running = 0, Counter[str]()
            for n in members:
                room += max(_free(terms, n, resource)[0], 0)
                running.update(terms.stay.get(terms.problem.nodes[n].name, {}))
            loads: list[tuple[Literal, z3.ArithRef]] = []
            for name, shape in terms.shapes.items():
                asks = shape.requests.get(resource, 0)
                if asks > 0:
                    there = running[name] * asks
                    room += there
                    loads.append((terms.literal("request", name, resource), asks * terms.x[name, g] + there))
            terms.row(loads, room, [terms.literal("capacity", node_class, resource)])


def _ports(terms: Terms) -> None:
    numbers = sorted({port[1:] for shape in terms.shapes.values() for port in shape.ports})
    for number in numbers:
        addresses = {port[0] for shape in terms.all_shapes.values() for port in shape.ports if port[1:] == number}
        for address in sorted(addresses - {"0.0.0.0"}) or ["0.0.0.0"]:
            users = [
                name
                for name, shape in sorted(terms.all_shapes.items())
                if any(port[1:] == number and port[0] in (address, "0.0.0.0") for port in shape.ports)
            ]
            _one_a_node(terms, users, lambda name: terms.literal("port", name))


def _one_a_node(terms: Terms, users: Sequence[str], literal: Callable[[str], Literal]) -> None:
    """No node has two of the users; running ones may be there twice already."""
    for g, members in enumerate(terms.groups):
        blocked: Counter[str] = Counter()
        taken = 0
        for n in members:
            running = terms.stay.get(terms.problem.nodes[n].name, Counter())
            here = [name for name in users if running[name]]
            fixed = [name for name in here if literal(name) is True]
            if fixed:
                taken += 1
            elif here:
                blocked[here[0]] += 1
        zero = z3.IntVal(0, terms.context)
        loads = [
            (literal(name), (terms.x[name, g] if name in terms.count else zero) + blocked[name])
            for name in users
            if name in terms.count or blocked[name]
        ]
        terms.row(loads, len(members) - taken, [])


def _tokens(terms: Terms) -> None:
    uses: dict[tuple[str, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for name, shape in sorted(terms.all_shapes.items()):
        for use in shape.exclusive:
            uses[use.token, use.scope][int(use.shared)].append(name)
    for (token, scope), (alone, shared) in sorted(uses.items()):
        literal = terms.literal("exclusive", token)
        if not terms.count.keys() & {*alone, *shared}:
            continue
        places = [range(len(terms.groups))] if scope == "cluster" else [[g] for g in range(len(terms.groups))]
        for groups in places:
            members = [n for g in groups for n in terms.groups[g]]
            if scope == "node" and len(members) > 1:
                waiting = [name for name in alone if name in terms.count]
                terms.under([literal], terms.sum(waiting, groups) <= len(members))
                continue
            running: Counter[str] = Counter()
            for n in members:
                running.update(terms.stay.get(terms.problem.nodes[n].name, {}))
            owned, borrowed = (terms.sum([s for s in names if s in terms.count], groups) for names in (alone, shared))
            if any(running[name] for name in alone):
                terms.under([literal], owned <= 0, borrowed <= 0)
            elif any(running[name] for name in shared):
                terms.under([literal], owned <= 0)
            else:
                terms.under([literal], owned <= 1, z3.Or(owned <= 0, borrowed <= 0))


def _volumes(terms: Terms) -> None:
    drivers = sorted({driver for shape in terms.shapes.values() for driver, _ in shape.attaches})
    for driver in drivers:
        volumes = sorted({v for shape in terms.shapes.values() for d, v in shape.attaches if d == driver})
        for g, members in enumerate(terms.groups):
            nodes = [terms.problem.nodes[n] for n in members]
            if not all(driver in node.attach_limits for node in nodes):
                continue
            room = 0
            there: Counter[str] = Counter()
            for node in nodes:
                attached = {volume for d, volume in node.attached if d == driver}
                for name in terms.stay.get(node.name, {}):
                    attached |= {v for d, v in terms.all_shapes[name].attaches if d == driver}
                room += max(node.attach_limits[driver] - len(attached), 0)
                # Who may leave helps as long as it is there: its volumes are not one more.
                for name in terms.leavers.get(node.name, ()):
                    attached |= {v for d, v in terms.all_shapes[name].attaches if d == driver}
                there.update(attached)
            fresh = []
            for volume in volumes:
                used = terms.number(f"v{driver}_{volume}_{g}")
                for name, shape in terms.shapes.items():
                    if (driver, volume) in shape.attaches:
                        if there[volume] and not terms.fine:
                            continue
                        x = terms.x[name, g]
                        if not terms.fine:
                            terms.solver.add(x <= terms.count[name] * used)
                        elif not there[volume]:
                            terms.solver.add(z3.Or(x <= 0, used >= 1))
                fresh.append(used)
            terms.under([terms.literal("attach", nodes[0].node_class, driver)], z3.Sum(fresh) <= room)


def _claims(terms: Terms) -> None:
    reach = {volume.name: volume.reach for volume in terms.problem.volumes}
    given: dict[str, list[z3.ArithRef]] = defaultdict(list)
    users: dict[str, list[str]] = defaultdict(list)
    for name, shape in terms.shapes.items():
        for claim in shape.claims:
            users[claim].append(name)
    for number, entry in enumerate(terms.problem.claims):
        if entry.name not in users:
            continue
        literal = terms.literal("claim", entry.name)
        options: list[tuple[z3.ArithRef, set[int]]] = []
        for volume in entry.volumes:
            chosen = terms.number(f"g{number}_{volume}")
            given[volume].append(chosen)
            options.append((chosen, _usable(terms, reach[volume])))
        made = _usable(terms, entry.provisions)
        for domain, groups in _confined(terms, entry.confines):
            # A new volume is made for a first pod; the others may then go wherever it reaches.
            chosen = terms.number(f"p{number}_{domain}")
            options.append((chosen, groups))
            first = terms.sum(users[entry.name], sorted(groups & made))
            terms.under([literal], z3.Or(chosen <= 0, first > 0))
        if options:
            terms.solver.add(z3.Sum([chosen for chosen, _ in options]) <= 1)
        places: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for g in range(len(terms.groups)):
            places[tuple(i for i, (_, groups) in enumerate(options) if g in groups)].append(g)
        for usable, here in sorted(places.items()):
            settled = z3.Sum([options[i][0] for i in usable]) >= 1 if usable else None
            for name in users[entry.name]:
                mine = terms.sum([name], here)
                terms.under([literal], mine <= 0 if settled is None else z3.Or(mine <= 0, settled))
    for _, chosen_by in sorted(given.items()):
        terms.solver.add(z3.Sum(chosen_by) <= 1)


def _usable(terms: Terms, reach: Reach) -> set[int]:
    """The groups with a node in reach."""
    nodes = terms.problem.nodes
    return {g for g, members in enumerate(terms.groups) if any(reaches(reach, nodes[n]) for n in members)}


def _confined(terms: Terms, key: str) -> list[tuple[str, set[int]]]:
    """The groups that have a node in each domain of a key (empty: nodes without it); all, without a key."""
    if not key:
        return [("", set(range(len(terms.groups))))]
    found: dict[str, set[int]] = defaultdict(set)
    for g, members in enumerate(terms.groups):
        for n in members:
            found[terms.problem.nodes[n].topology.get(key, "")].add(g)
    return sorted(found.items())
