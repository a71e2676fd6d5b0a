"""Fixtures of the suites, one a port."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.benches import BENCHES, COALESCED, FURTHER, USUAL, Bench, Making
from tests.support.keys import PrivateKey
from tests.support.pki import Hierarchy
from tests.support.softhsm import SoftHSM, is_installed


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path, signing_pki: Hierarchy) -> AsyncIterator[Bench]:
    """The bench of this name; with a pair, of this name and with these keys alone."""
    name, keys = (request.param, USUAL) if isinstance(request.param, str) else request.param
    making = Making(tmp_path, signing_pki, keys, request.getfixturevalue)
    async with (BENCHES | COALESCED | FURTHER)[name](making) as made:
        yield made


@pytest.fixture(scope="session")
def signing_pki() -> Hierarchy:
    return Hierarchy.make("Signing")


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    """SoftHSM with one token."""
    if not is_installed():
        pytest.skip("SoftHSM is not there: install softhsm2")
    made = SoftHSM.make(tmp_path_factory.mktemp("softhsm"))
    made.add_token("contract")
    return made


@pytest.fixture(scope="session")
def softhsm_keys() -> dict[str, PrivateKey]:
    """Keys that are on that token by the names of a bench: each imported when it is first wanted."""
    return {}


@pytest.fixture(scope="session")
def kms_keys() -> dict[str, str]:
    """Ids of keys at LocalStack by the names of a bench: each made when it is first wanted."""
    return {}
