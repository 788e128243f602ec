"""Services and what they lead to."""

from __future__ import annotations

from msgspec import field

from kubelogic.manifests.schema.base import (
    IntOrString,
    Labels,
    LabelSelector,
    ObjectReference,
    Root,
    TypedReference,
    View,
)


class ServicePort(View, frozen=True, kw_only=True):
    """A port of a Service."""

    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None
    port: int = 0
    target_port: IntOrString | None = None
    node_port: int = 0


class ServiceSpec(View, frozen=True, kw_only=True):
    """What a Service offers."""

    ports: tuple[ServicePort, ...] = ()
    selector: Labels = {}
    type: str = "ClusterIP"
    cluster_ip: str = field(name="clusterIP", default="")
    cluster_ips: tuple[str, ...] = field(name="clusterIPs", default=())
    external_ips: tuple[str, ...] = field(name="externalIPs", default=())
    external_name: str = ""
    session_affinity: str = "None"
    external_traffic_policy: str = ""
    internal_traffic_policy: str | None = None
    publish_not_ready_addresses: bool = False
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str | None = None
    load_balancer_class: str | None = None
    traffic_distribution: str | None = None


class Service(Root, frozen=True, kw_only=True):
    """A stable address for pods."""

    spec: ServiceSpec = ServiceSpec()


class EndpointAddress(View, frozen=True, kw_only=True):
    """One address of an Endpoints object."""

    ip: str = ""
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(View, frozen=True, kw_only=True):
    """One port of endpoints."""

    name: str = ""
    port: int | None = None
    protocol: str = "TCP"
    app_protocol: str | None = None


class EndpointSubset(View, frozen=True, kw_only=True):
    """Addresses that share ports."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Root, frozen=True, kw_only=True):
    """The addresses behind a Service, old form."""

    subsets: tuple[EndpointSubset, ...] = ()


class EndpointConditions(View, frozen=True, kw_only=True):
    """Whether an endpoint takes traffic; None counts as yes, for terminating as no."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ForZone(View, frozen=True, kw_only=True):
    """A zone by name."""

    name: str = ""


class EndpointHints(View, frozen=True, kw_only=True):
    """Zones and nodes that should use an endpoint."""

    for_zones: tuple[ForZone, ...] = ()
    for_nodes: tuple[ForZone, ...] = ()


class Endpoint(View, frozen=True, kw_only=True):
    """One endpoint of a slice."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    target_ref: ObjectReference | None = None
    hints: EndpointHints | None = None


class EndpointSlice(Root, frozen=True, kw_only=True):
    """Up to a thousand addresses behind a Service."""

    address_type: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class ServiceBackendPort(View, frozen=True, kw_only=True):
    """A port of a Service by name or number."""

    name: str = ""
    number: int = 0


class IngressServiceBackend(View, frozen=True, kw_only=True):
    """A Service that an Ingress leads to."""

    name: str = ""
    port: ServiceBackendPort = ServiceBackendPort()


class IngressBackend(View, frozen=True, kw_only=True):
    """Where an Ingress leads."""

    service: IngressServiceBackend | None = None
    resource: TypedReference | None = None


class HTTPIngressPath(View, frozen=True, kw_only=True):
    """A path of an Ingress."""

    path: str = ""
    path_type: str | None = None
    backend: IngressBackend = IngressBackend()


class HTTPIngressRuleValue(View, frozen=True, kw_only=True):
    """The paths of a host."""

    paths: tuple[HTTPIngressPath, ...] = ()


class IngressRule(View, frozen=True, kw_only=True):
    """A host of an Ingress."""

    host: str = ""
    http: HTTPIngressRuleValue | None = None


class IngressTLS(View, frozen=True, kw_only=True):
    """Hosts with a certificate."""

    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(View, frozen=True, kw_only=True):
    """Hosts, paths and where they lead."""

    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...] = ()


class Ingress(Root, frozen=True, kw_only=True):
    """HTTP routes into the cluster."""

    spec: IngressSpec = IngressSpec()


class IngressClassSpec(View, frozen=True, kw_only=True):
    """The controller of a class."""

    controller: str = ""
    parameters: TypedReference | None = None


class IngressClass(Root, frozen=True, kw_only=True):
    """Which controller serves an Ingress."""

    spec: IngressClassSpec = IngressClassSpec()


class IPBlock(View, frozen=True, kw_only=True):
    """A range of addresses, less some."""

    cidr: str = ""
    except_: tuple[str, ...] = field(name="except", default=())


class NetworkPolicyPeer(View, frozen=True, kw_only=True):
    """Who may talk."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class NetworkPolicyPort(View, frozen=True, kw_only=True):
    """On which port."""

    protocol: str = "TCP"
    port: IntOrString | None = None
    end_port: int | None = None


class NetworkPolicyIngressRule(View, frozen=True, kw_only=True):
    """Traffic that may come in."""

    from_: tuple[NetworkPolicyPeer, ...] = field(name="from", default=())
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicyEgressRule(View, frozen=True, kw_only=True):
    """Traffic that may go out."""

    to: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicySpec(View, frozen=True, kw_only=True):
    """What is allowed for the chosen pods."""

    pod_selector: LabelSelector = LabelSelector()
    ingress: tuple[NetworkPolicyIngressRule, ...] = ()
    egress: tuple[NetworkPolicyEgressRule, ...] = ()
    policy_types: tuple[str, ...] = ()


class NetworkPolicy(Root, frozen=True, kw_only=True):
    """A firewall between pods."""

    spec: NetworkPolicySpec = NetworkPolicySpec()
