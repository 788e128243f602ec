"""Generated placement problems with GPUs of two models, partitions with shared counters, and gangs among the pods."""

from __future__ import annotations

from random import Random

from kubelogic.placement.devices.model import Claim, Constraint, Counters, Device, Devices, Request, Selector, Slice
from kubelogic.placement.problem import Group, Node, Pod, Problem, Reach, Scorer, Shape

_MODELS = ("a100", "h100")
_LOOKS = {"a100": "a100", "h100": "h100", "small": "small", "large": "large"}
_EXPRESSIONS = {
    "any": {"a100": "yes", "h100": "yes", "small": "", "large": ""},
    "a100": {"a100": "yes", "h100": "", "small": "", "large": ""},
    "h100": {"a100": "", "h100": "yes", "small": "", "large": ""},
    "small": {"a100": "", "h100": "", "small": "yes", "large": ""},
    "large": {"a100": "", "h100": "", "small": "", "large": "yes"},
}


def device_problem(seed: int, *, nodes: int | None = None, load: float = 1.1, most: int = 8) -> Problem:
    """A problem by a seed: more is asked for than there is, about ``load`` times.

    Args:
        seed: decides all.
        nodes: how many; None for 4 to 40.
        load: devices asked for, by devices there are.
        most: devices of a node.
    """
    random = Random(seed)
    count = nodes if nodes is not None else random.randint(4, 40)
    named = {f"n{number:02}": _slices(random, f"n{number:02}", most) for number in range(count)}
    made = [each for slices in named.values() for each in slices]
    there = sum(len([d for d in each.devices if d.look != "large"]) for each in made)
    claims: list[Claim] = []
    pods: list[Pod] = []
    shapes: dict[str, Shape] = {}
    groups: list[Group] = []
    asked = 0
    while asked < there * load:
        gang = random.random() < 0.35
        kind, size = random.choice(("any", "any", "a100", "h100", "small", "large")), random.choice((1, 1, 2, 2, 4))
        if kind in ("small", "large"):
            size = 1
        cpu = random.choice((1000, 2000, 4000))
        name = f"g{len(groups)}" if gang else "single"
        members = random.randint(2, 4) if gang else 1
        if gang:
            least = random.choice((members, members, max(members - 1, 1)))
            groups.append(Group(name=name, least=least))
        for _ in range(members):
            pod, shape = f"p{len(pods):03}", f"{name}-{cpu}"
            shapes.setdefault(shape, Shape(name=shape, requests={"cpu": cpu, "pods": 1}))
            same = size > 1 and random.random() < 0.3
            claims.append(_claim(f"{pod}-c", kind, size, same=same))
            pods.append(
                Pod(
                    name=pod,
                    shape=shape,
                    order=len(pods),
                    device_claims=(f"{pod}-c",),
                    uid=pod,
                    group=name if gang else "",
                )
            )
            asked += size
    devices = Devices(slices=tuple(made), claims=tuple(claims), verdicts=_EXPRESSIONS)
    return Problem(
        nodes=tuple(
            Node(
                name=name,
                node_class="one",
                allocatable={"cpu": random.choice((8000, 16000, 32000)), "pods": 110},
                topology={"kubernetes.io/hostname": name},
            )
            for name in named
        ),
        shapes=tuple(shapes[name] for name in sorted(shapes)),
        pods=tuple(pods),
        allowed=dict.fromkeys(shapes, Reach(node_classes=frozenset({"one"}))),
        devices=devices,
        groups=tuple(groups),
        scorers=(Scorer(name="NodeResourcesFit", kind="least_allocated", resources=("cpu",)),),
    )


def _slices(random: Random, node: str, most: int) -> tuple[Slice, ...]:
    if random.random() < 0.25:
        return _partitioned(node, random.randint(1, max(most // 4, 1)))
    model = random.choice(_MODELS)
    devices = tuple(
        Device(name=f"gpu-{number}", look=model, attributes={"numa": ("int", str(number // 2))})
        for number in range(random.choice([each for each in (1, 2, 4, 8) if each <= most]))
    )
    return (Slice(name=node, driver="gpu", pool=node, nodes=frozenset({node}), devices=devices, local=True),)


def _partitioned(node: str, gpus: int) -> tuple[Slice, ...]:
    """GPUs of which each is given away in one large part and one small one, or in three small ones."""
    devices: list[Device] = []
    for gpu in range(gpus):
        for size, look, memory in (("l", "large", 2), ("s0", "small", 1), ("s1", "small", 1), ("s2", "small", 1)):
            used = (Counters(name=f"gpu-{gpu}", amounts={"memory": memory}),)
            devices.append(
                Device(name=f"gpu-{gpu}-{size}", look=look, consumes=used, attributes={"numa": ("int", str(gpu))})
            )
    counters = tuple(Counters(name=f"gpu-{gpu}", amounts={"memory": 3}) for gpu in range(gpus))

    def made(name: str, *, sets: tuple[Counters, ...] = (), offered: tuple[Device, ...] = ()) -> Slice:
        return Slice(
            name=f"{node}-{name}",
            driver="mig",
            pool=node,
            count=2,
            nodes=frozenset({node}),
            local=True,
            counters=sets,
            devices=offered,
        )

    return made("counters", sets=counters), made("devices", offered=tuple(devices))


def _claim(name: str, kind: str, size: int, *, same: bool) -> Claim:
    selector = Selector(expression=kind, origin=f"claim {name}", index=0)
    request = Request(name="r", device_class="gpu", selectors=(selector,), count=size)
    constraints = (Constraint(attribute="numa"),) if same else ()
    return Claim(name=name, requests=((request,),), constraints=constraints)
