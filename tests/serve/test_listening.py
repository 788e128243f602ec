"""Connections to the server do not wait for acknowledgements."""

from __future__ import annotations

import socket

from kubelogic.serve.server import listen


def test_answers_leave_at_once() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
