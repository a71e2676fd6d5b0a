"""One deployment for all invariants: they run in one worker, one after the other, since most of them measure."""

import sys
from collections.abc import Iterator

import pytest

from tests.invariants.deployment import Deployment, deployed


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    if sys.platform != "linux":
        pytest.skip("the invariants look at processes through /proc, which Linux has")
    with deployed(tmp_path_factory.mktemp("deployment")) as running:
        yield running
