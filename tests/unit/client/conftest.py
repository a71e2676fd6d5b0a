from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.contract_service import ContractService, running_service
from tests.support.tls_files import TLSFiles, make_tls_files


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def service(tls: TLSFiles) -> AsyncIterator[ContractService]:
    async with running_service(tls) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
