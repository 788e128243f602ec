"""The page in a browser, both themes, desk and phone: what the console says, whom it asks, what the keyboard does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelogic.serve.remote import Remote, remote
from tests.support import browser

CHROMIUM = browser.found()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=f"no Chromium on the PATH ({', '.join(browser.NAMES)})"),
]
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-frontend-of-the-shop-with-a-long-name}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx, resources: {requests: {cpu: "1", memory: 1Gi}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: too-big}
spec: {containers: [{name: big, image: nginx, resources: {requests: {cpu: "64"}}}]}
"""
WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """A cluster of three nodes, of which a pod fits on none; its clock stands still."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "web.yaml").write_text(WEB, encoding="utf-8")
    kubeconfig = folder / "kubeconfig"
    arguments = [
        str(folder / "web.yaml"),
        "--nodes",
        "3:4cpu:16Gi",
        "--clock",
        "manual",
        "--kubeconfig",
        str(kubeconfig),
    ]
    process = subprocess.Popen([sys.executable, "-m", "kubelogic", "serve", *arguments], stdout=subprocess.DEVNULL)
    try:
        while not kubeconfig.exists():
            assert process.poll() is None
            time.sleep(0.05)
        yield remote(str(kubeconfig))
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def page(served: Remote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    """The page, opened with its token, once it has settled."""
    assert CHROMIUM is not None
    with browser.opened(CHROMIUM, tmp_path_factory.mktemp("chromium")) as opened:
        opened.call("Page.navigate", url=f"{served.url}/#token={served.token}")
        opened.until("document.readyState == 'complete' && document.querySelectorAll('#nodes > li').length == 3")
        opened.ask("document.querySelector('[data-step=\"1m\"]').click()")
        opened.until("document.getElementById('verdict').textContent == '4 pods, 3 running, 1 pending; 3 nodes'")
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", sorted(WIDTHS))
def test_it_can_be_read(page: browser.Page, width: str, scheme: str, tmp_path: Path) -> None:
    page.shape(width=WIDTHS[width][0], height=WIDTHS[width][1], scheme=scheme)
    assert page.ask("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    assert page.ask("document.documentElement.scrollWidth <= innerWidth"), "it has to be scrolled sideways"
    background, text = (page.ask(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    light, dark = sorted((_light(background), _light(text)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 7
    assert (_light(background) > 0.5) == (scheme == "light")
    small = page.ask(
        "[...document.querySelectorAll('button:not([disabled]), select, summary')].filter((each) => "
        "each.offsetParent && each.getBoundingClientRect().height < 24).map((each) => each.outerHTML)"
    )
    assert not small, "too small for a finger"
    page.picture(tmp_path / f"{width}-{scheme}.png")
    lines = page.ask(
        "[...document.querySelectorAll('#timeline time > span')].map((each) => each.getClientRects().length)"
    )
    assert set(lines) == {1}, "times are broken up"


def _light(colour: str) -> float:
    """The relative luminance of ``rgb(r, g, b)``. Source: WCAG 2.2."""
    parts = [int(each) / 255 for each in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_keyboard_unfolds_why_a_pod_waits(page: browser.Page) -> None:
    page.ask("document.querySelector('#pending summary').focus()")
    page.press("Enter")
    page.until("document.querySelector('#pending details').open")
    page.until("document.querySelector('#pending').textContent.includes('Any one of these places it')")


def test_the_keyboard_fails_a_node_and_moves_the_clock(page: browser.Page) -> None:
    page.ask("document.querySelector('#nodes [aria-label=\"fail node-1\"]').focus()")
    page.press("Enter")
    page.until("document.getElementById('said').textContent == 'fail node-1: done'")
    page.ask("document.querySelector('[data-step=\"1m\"]').focus()")
    page.press("Enter")
    page.until("document.getElementById('verdict').textContent.endsWith('3 nodes, 1 of them down')")
    assert page.ask("document.activeElement.dataset.step") == "1m", "focus is lost"
    page.ask("document.querySelector('#workloads [data-act=more]').focus()")
    page.press("Enter")
    page.until("document.getElementById('workloads').textContent.includes('of 4 ready')")
    assert page.ask("document.activeElement.dataset.act") == "more", "focus is lost"


def test_a_wrong_token_is_asked_again(page: browser.Page, served: Remote) -> None:
    page.call("Page.navigate", url="about:blank")
    page.call("Page.navigate", url=f"{served.url}/#token=wrong")
    page.until("document.getElementById('ask') && !document.getElementById('ask').hidden")
    assert page.ask("location.hash") == ""
    page.errors[:] = [each for each in page.errors if "status of 401" not in each]


def test_nothing_is_complained_of_and_no_other_host_is_asked(page: browser.Page, served: Remote) -> None:
    assert page.errors == []
    asked = [each for each in page.asked if not each.startswith(("data:", "about:"))]
    assert asked
    assert [each for each in asked if not each.startswith(f"{served.url}/")] == []
