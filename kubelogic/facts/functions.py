"""The pure functions that scheduling rules call."""

from __future__ import annotations

from kubelogic.kinds.validation.resources import is_extended


def image_share(size: int, having: int, everyone: int) -> int:
    """What an image is worth that ``having`` of ``everyone`` nodes have, in the scheduler's floating point.

    >>> image_share(900, 1, 3)
    300
    """
    return int(float(size) * (float(having) / float(everyone)))


def image_registry(image: str) -> str:
    """The registry that an image is pulled from, as container runtimes read its name.

    >>> image_registry("cart:1"), image_registry("quay.io/shop/cart:1"), image_registry("localhost/cart")
    ('docker.io', 'quay.io', 'localhost')
    >>> image_registry("registry:5000/cart@sha256:00")
    'registry:5000'
    """
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def image_tag(image: str) -> str | None:
    """The tag that an image is pulled by: ``latest`` where it has none; none where a digest names it.

    >>> image_tag("quay.io/shop/cart:1"), image_tag("registry:5000/cart"), image_tag("cart:1@sha256:00")
    ('1', 'latest', None)
    """
    name, pinned, _ = image.partition("@")
    return None if pinned else name.rpartition("/")[2].partition(":")[2] or "latest"


def image_name(image: str) -> str:
    """The last part of an image's name, without tag and digest.

    >>> image_name("quay.io/fluentd/fluentd:v1.18"), image_name("registry:5000/coredns@sha256:00"), image_name("vector")
    ('fluentd', 'coredns', 'vector')
    """
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def key_domain(key: str) -> str:
    """The domain under which a label or taint stands; empty if it has none.

    >>> key_domain("karpenter.sh/disrupted"), key_domain("pool")
    ('karpenter.sh', '')
    """
    domain, slash, _ = key.partition("/")
    return domain if slash else ""


def extended_domain(resource: str) -> str:
    """The domain of an extended resource; empty for what is none.

    Source: k8s.io/component-helpers, IsExtendedResourceName.

    >>> extended_domain("example.com/gpu"), extended_domain("cpu"), extended_domain("sub.kubernetes.io/x")
    ('example.com', '', '')
    """
    return key_domain(resource) if is_extended(resource) else ""


def default_group(shape: str) -> str:
    """The pods that spreading by default counts for a shape.

    >>> default_group("shop/cart")
    '<default for shop/cart>'
    """
    return f"<default for {shape}>"


def awaited_text(template: str, claim: str) -> str:
    """What is said of a claim that a pod waits for.

    >>> awaited_text('could not find ResourceClaim "{}"', "shop/gpus")
    'could not find ResourceClaim "shop/gpus"'
    """
    return template.format(claim)
