"""One authority for all tests of the edge, and an edge for each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.service import People, Service, behind_load_balancer, make_people, running


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return make_people(tmp_path_factory.mktemp("people"))


@pytest.fixture
async def service(people: People, tmp_path: Path) -> AsyncIterator[Service]:
    """Over mutual TLS."""
    async with running(people, tmp_path) as running_service:
        yield running_service


@pytest.fixture(params=["tls", "plain"])
async def either_service(request: pytest.FixtureRequest, people: People, tmp_path: Path) -> AsyncIterator[Service]:
    """Over mutual TLS, and as plain HTTP behind a load balancer."""
    changes = {"listener": behind_load_balancer()} if request.param == "plain" else {}
    async with running(people, tmp_path, **changes) as running_service:
        yield running_service
