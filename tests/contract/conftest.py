"""Fixtures of the suites, one a port."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.contract.benches import BENCHES, COALESCED, FURTHER, USUAL, Bench, Making
from tests.contract.key_benches import KeyBench, KMSBench, PKCS11Bench, SoftwareBench
from tests.support.pki import Hierarchy
from tests.support.softhsm import is_installed


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
def key_bench_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], KeyBench]:
    """A backend's bench, made when first asked for: keys are slow to make."""
    made: dict[str, KeyBench] = {}

    def make(name: str) -> KeyBench:
        if name in made:
            return made[name]
        match name:
            case "software":
                made[name] = SoftwareBench(tmp_path_factory.mktemp(name))
            case "pkcs11":
                if not is_installed():
                    pytest.skip("SoftHSM is not there: install softhsm2")
                made[name] = PKCS11Bench(tmp_path_factory.mktemp(name))
            case "kms":
                made[name] = KMSBench(request.getfixturevalue("localstack"))
        return made[name]

    return make
