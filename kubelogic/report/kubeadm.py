"""Preflight and phases of kubeadm, as text and as documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubelogic.report.documents import fields, header
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import table
from kubelogic.report.terminal import one_line
from kubelogic.text.characters import shortened
from kubelogic.verbs.kubeadm import Phases, Preflight

SCRIPT = """#!/bin/sh
# Prints what kubelogic kubeadm preflight reads of this host. Run it as root on each host; put all that is printed into
# one file, with a line of --- between the parts, and set each role (init, control-plane, worker).
has() { command -v "$1" >/dev/null 2>&1; }
list() { for each in "$@"; do printf '  - "%s"\\n' "$each"; done; }
echo "hosts:"
echo "- name: \\"$(hostname | tr 'A-Z' 'a-z')\\""
echo "  role: worker"
echo "  address: \\"$(ip -o route get 1.1.1.1 2>/dev/null | sed -n 's/.* src \\([^ ]*\\).*/\\1/p')\\""
echo "  user: $(id -un)"
echo "  cpus: $(getconf _NPROCESSORS_ONLN)"
echo "  memory: $(sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1Ki/p' /proc/meminfo)"
echo "  swap: $([ "$(wc -l </proc/swaps)" -gt 1 ] && echo true || echo false)"
echo "  os: $(uname -s)"
echo "  kernel: \\"$(uname -r)\\""
[ -r /sys/class/dmi/id/product_uuid ] && echo "  productUuid: \\"$(cat /sys/class/dmi/id/product_uuid)\\""
config=/boot/config-$(uname -r)
if [ -r "$config" ] || [ -r /proc/config.gz ]; then
  echo "  kernelOptions:"
  { [ -r "$config" ] && cat "$config" || zcat /proc/config.gz; } |
    sed -n 's/^CONFIG_\\([A-Z0-9_]*\\)=\\([ymn]\\)$/    \\1: "\\2"/p' |
    grep -E '_NS:|CGROUP|CPUSETS|MEMCG|INET:|EXT4_FS:|PROC_FS:|_REDIRECT:|MATCH_COMMENT:|FAIR_GROUP|NAMESPACES:'
fi
echo "  cgroups:"
if [ -r /sys/fs/cgroup/cgroup.controllers ]; then
  echo "    version: 2"
  echo "    controllers: [$(tr ' ' ',' </sys/fs/cgroup/cgroup.controllers)]"
else
  echo "    version: 1"
  echo "    controllers: [$(awk '$1 !~ /^#/ && $4 != 0 {print $1}' /proc/cgroups | paste -sd, -)]"
fi
echo "  programs:"
for each in ip iptables mount nsenter ebtables ethtool socat tc touch conntrack; do has "$each" && list "$each"; done
echo "  ports: [$(ss -Htln 2>/dev/null | awk '{sub(/.*:/, "", $4); print $4}' | sort -un | paste -sd, -)]"
echo "  files:"
# Where etcd runs elsewhere, run this with the names of the files of the API server's client (CA, certificate, key).
for each in /etc/kubernetes/manifests/*.yaml /etc/kubernetes/*.conf /etc/kubernetes/pki/ca.crt \\
  /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-etcd-client.crt \\
  /etc/kubernetes/pki/apiserver-etcd-client.key / "$@"; do [ -e "$each" ] && list "$each"; done
[ -n "$(ls -A /var/lib/etcd 2>/dev/null)" ] && list /var/lib/etcd/
echo "  settings:"
for each in /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/default/forwarding; do
  [ -r "$each" ] && echo "    $each: \\"$(cat "$each")\\""
done
echo "  services:"
echo "    systemd: {enabled: true, active: true}"
truth() { systemctl "$1" -q "$2" && echo true || echo false; }
for each in kubelet firewalld; do
  systemctl cat "$each" >/dev/null 2>&1 || continue
  echo "    $each: {enabled: $(truth is-enabled "$each"), active: $(truth is-active "$each")}"
done
has kubelet && echo "  kubelet: \\"$(kubelet --version | awk '{print $2}')\\""
has kubeadm && echo "  kubeadm: \\"$(kubeadm version -o short)\\""
echo "  runtime: {running: $(has crictl && crictl info >/dev/null 2>&1 && echo true || echo false)}"
echo "  resolves: $(getent hosts "$(hostname)" >/dev/null 2>&1 && echo true || echo false)"
proxy=${https_proxy:-$HTTPS_PROXY}
[ -n "$proxy" ] && echo "  proxy: {https: \\"$proxy\\", except: [${no_proxy:-$NO_PROXY}]}"
true
"""


def render_preflight(found: Preflight, remarks: Sequence[str], style: Style = PLAIN) -> str:
    """The verdict, kubeadm's lines by host, and what goes beyond a host."""
    stopped = {each.host for each in found.found if each.severity == "ERROR"}
    unsure = {each.host for each in found.found if each.severity == "UNKNOWN"} - stopped
    count = f"{len(found.hosts)} host{'s' if len(found.hosts) != 1 else ''}"
    match found.verdict:
        case "no":
            beyond = "" if stopped else ", but they do not go together"
            verdict = style.bad("no") + f": kubeadm stops on {len(stopped)} of {count}{beyond}"
        case "unknown":
            verdict = (
                style.warn("unknown")
                + f": nothing stops kubeadm that is known; {len(unsure)} of {count} are told of in part"
            )
        case _:
            verdict = style.good("yes") + f": kubeadm can go on, on {'all ' if len(found.hosts) > 1 else ''}{count}"
    parts = [verdict]
    for host, role in found.hosts:
        lines = [each for each in found.found if each.host == host]
        if lines:
            own = [f"  [{each.severity} {each.check}]: {one_line(each.message)}" for each in lines]
            parts.append("\n".join([style.bold(f"{one_line(host)} ({role})"), *own]))
    if found.across:
        parts.append("\n".join([style.bold("ALL HOSTS"), *(f"  {one_line(each)}" for each in found.across)]))
    if any(each.severity == "ERROR" for each in found.found):
        parts.append("An error becomes a warning with --ignore-preflight-errors=NAME, as in kubeadm.")
    if any(each.severity == "UNKNOWN" for each in found.found):
        parts.append("kubelogic kubeadm script prints what collects all that is not known, on the host itself.")
    if found.unused:
        parts.append(f"Ignored in vain: no finding is called {', '.join(map(one_line, found.unused))}.")
    return shortened("\n\n".join([*parts, *remarks]))


def preflight_document(found: Preflight, remarks: Sequence[str]) -> dict[str, Any]:
    """The document ``Preflight``."""
    return {
        **header("Preflight"),
        "verdict": found.verdict,
        "hosts": [
            {
                "name": host,
                "role": role,
                "findings": [fields(each, "check", "severity", "message") for each in found.found if each.host == host],
            }
            for host, role in found.hosts
        ],
        "acrossHosts": list(found.across),
        "ignoredInVain": list(found.unused),
        "remarks": list(remarks),
    }


def render_phases(found: Phases, style: Style = PLAIN) -> str:
    """A table of the phases that run, and a line for each that cannot."""
    rows = [["HOST", "COMMAND", "PHASE", "MAKES"]]
    rows += [[one_line(host), command, phase, makes] for host, command, phase, _, makes in found.ran]
    parts = ["\n".join(table(rows, style))] if found.ran else []
    verdict = (
        style.bad("no") + ": some phases cannot run" if found.missing else style.good("yes") + ": every phase can run"
    )
    if found.missing:
        parts.append("\n".join(missing_lines(found)))
    return shortened("\n\n".join([verdict, *parts]))


def missing_lines(found: Phases) -> list[str]:
    """A line for each phase that cannot run."""
    return [
        f"{one_line(host)}: kubeadm {command} cannot run {phase} without {thing}"
        for host, command, phase, thing in found.missing
    ]


def phases_document(found: Phases) -> dict[str, Any]:
    """The document ``Phases``."""
    return {
        **header("Phases"),
        "ran": [
            {"host": host, "command": command, "phase": phase, "number": number, "makes": makes}
            for host, command, phase, number, makes in found.ran
        ],
        "missing": [
            {"host": host, "command": command, "phase": phase, "needs": thing}
            for host, command, phase, thing in found.missing
        ],
    }
