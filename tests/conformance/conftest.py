"""The judges that are started once a run."""

from collections.abc import Iterator

import pytest

from tests.conformance.judges import DSS
from tests.conformance.throwaway import Authority, serving_authority


@pytest.fixture(scope="session")
def dss() -> Iterator[DSS]:
    """EU DSS, started once."""
    with DSS() as judge:
        yield judge


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """A throwaway certificate authority."""
    with serving_authority() as serving:
        yield serving
