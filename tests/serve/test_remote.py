"""What ``kubectl kubelogic`` sends and prints, and what is said where no server answers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kubelogic.serve import remote

LONG = "default/web can never be placed: no node of the input takes it, however empty and however long one waits."


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("explain web-1", "default/web-1"),
        ("explain pod/web-1 -n shop", "shop/pod/web-1"),
        ("explain -nshop deploy web", "shop/deploy/web"),
        ("explain shop/web", "default/shop/web"),
        ("explain a?b", "default/a%3Fb"),
    ],
)
def test_the_plugin_asks_as_kubectl_users_type(
    typed: str, sent: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def send(method: str, path: str, **_: str) -> bytes:
        asked.append(f"{method} {path}")
        return f"{LONG}\n".encode()

    monkeypatch.setattr(remote, "remote", lambda: SimpleNamespace(send=send))
    monkeypatch.setenv("COLUMNS", "60")
    assert remote.plugin(typed.split()) == 0
    assert asked == [f"GET /kubelogic/v1/explain/{sent}?width=60"]
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


@pytest.mark.parametrize("typed", ["", "explain", "plan web", "explain a b c"])
def test_the_plugin_tells_how_it_is_used(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert remote.plugin(typed.split()) == 2
    assert capsys.readouterr().err == "usage: kubectl kubelogic explain [KIND/]NAME [-n NAMESPACE]\n"


def test_a_server_that_is_gone_is_told_with_its_kubeconfig() -> None:
    gone = remote.Remote(url="https://127.0.0.1:1", token="", authority="", path="demo.kubeconfig")
    with pytest.raises(remote.RemoteError) as caught:
        gone.send("GET", "/readyz")
    assert str(caught.value) == (
        "https://127.0.0.1:1, the server of demo.kubeconfig, cannot be reached: connection refused; "
        "kubelogic serve starts one and prints the KUBECONFIG to export"
    )
