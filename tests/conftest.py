"""What holds for every test: no connection beyond loopback, in CI no skip, and that a group of tests stays in one worker."""

import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from _pytest.nodeid import NodeId

if TYPE_CHECKING:
    from tests.support.localstack import LocalStack
    from tests.support.moto_server import Moto
    from tests.support.sandbox import Sandbox
    from tests.support.tables import Tables

# What a test finds does not depend on how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

_trespasses: list[str] = []
_closed = False


class NetworkClosed(RuntimeError):
    """A test tried to reach beyond loopback."""


def _is_loopback(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text == "localhost":
        return True
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook sees every socket of this process, whichever library opens it; it cannot be removed, only told to rest."""
    if not _closed:
        return
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        connection, address = arguments
        if connection.family not in {socket.AF_INET, socket.AF_INET6} or not address or _is_loopback(address[0]):
            return
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        address = arguments[:1]
        # No host is how a listener asks for the wildcard address; an address needs no name server.
        if not arguments[0] or _is_loopback(arguments[0]) or _is_address(arguments[0]):
            return
    else:
        return
    _trespasses.append(f"{event} {address}")
    raise NetworkClosed(f"tests stay on loopback: {event} {address}")


def _is_address(host: object) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return True


sys.addaudithook(_audit)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell ignores it for what runs in its background, and programs inherit that: tests interrupt some.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _closed_network() -> Iterator[None]:
    """Closes the network, and fails a test whose attempt to leave was swallowed by the code under test."""
    global _closed
    _trespasses.clear()
    _closed = True
    yield
    _closed = False
    assert not _trespasses, f"left loopback: {_trespasses}"


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Sandbox"]:
    """The real sandbox, started once a test process and stopped at its end."""
    # Imported by the tests that need it alone: it brings the whole product with it.
    from tests.support.sandbox import started_sandbox

    with started_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator["LocalStack"]:
    """LocalStack, for tests of the group ``localstack``: they share one worker, and so one instance."""
    from tests.support.localstack import is_installed, started_localstack

    if not is_installed():
        pytest.skip("LocalStack is not there: make localstack")
    with started_localstack(tmp_path_factory.mktemp("localstack")) as running:
        yield running


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Moto"]:
    """moto's server; its tests are of the group ``localstack`` too, whose S3 they need beside it."""
    from tests.support.moto_server import is_installed, started_moto

    if not is_installed():
        pytest.skip("moto's server is not there: make localstack")
    with started_moto(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture
def tables(request: pytest.FixtureRequest, moto: "Moto", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Tables":
    """Tables and a bucket of a test's own, and in the environment whom to ask for them as."""
    from tests.support.emulators import CREDENTIALS
    from tests.support.tables import Tables

    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return Tables.made(moto, request.getfixturevalue("localstack"), tmp_path)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make ``xdist_group`` work: pytest-xdist 3.8 adds the group to an attribute that pytest 9.2 reads no more, in silence."""
    for item in items:
        with_group = vars(item).get("_nodeid")
        if with_group is not None:
            item._id = NodeId.parse(with_group)


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"true", "1"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI every tool is there: a skip is a failure."""
    report = yield
    if _in_ci() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = _reason(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself."""
    report = yield
    if _in_ci() and report.skipped:
        report.outcome = "failed"
        report.longrepr = _reason(report)
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    return f"in CI a skip is a failure: {said}"
