"""What the tests of the served API share."""

from __future__ import annotations

import pytest

from tests.support.serving import Client, start


@pytest.fixture
def client() -> Client:
    """A cluster of two nodes whose clock stands still."""
    return start()
