"""What tests/conftest.py promises about every test, tried on tests that break it."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(CONFTEST.read_text("utf-8"))
    return pytester


def test_a_connection_beyond_loopback_fails_even_if_it_is_swallowed(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import contextlib, socket

        def test_direct():
            socket.create_connection(("192.0.2.1", 80), timeout=1)

        def test_swallowed():
            with contextlib.suppress(Exception):
                socket.create_connection(("192.0.2.1", 80), timeout=1)

        def test_name():
            with contextlib.suppress(Exception):
                socket.getaddrinfo("proxy.invalid", 80)

        def test_datagram():
            with contextlib.suppress(Exception), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.sendto(b"x", ("192.0.2.1", 53))

        def test_loopback():
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname()).close()
                socket.getaddrinfo("localhost", 80)
        """
    )
    result = suite.runpytest_subprocess("-p", "no:xdist", "-p", "no:cacheprovider")
    # The swallowed ones pass, and fail in their teardown.
    result.assert_outcomes(passed=4, failed=1, errors=4)
    result.stdout.fnmatch_lines(["*left loopback*192.0.2.1*"])


def test_a_skip_is_a_failure_in_ci_alone(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.makepyfile(
        test_body="import pytest\n\ndef test_it(): pytest.skip('no tool')\n",
        test_marked="import pytest\n\n@pytest.mark.skip(reason='no tool')\ndef test_it(): pass\n",
        test_module="import pytest\n\npytest.skip('no tool', allow_module_level=True)\n",
    )
    suite.runpytest_subprocess("-p", "no:xdist", "-p", "no:cacheprovider").assert_outcomes(skipped=3)
    monkeypatch.setenv("CI", "true")
    result = suite.runpytest_subprocess("-p", "no:xdist", "-p", "no:cacheprovider", "--continue-on-collection-errors")
    result.assert_outcomes(failed=1, errors=2)


def test_a_group_stays_in_one_worker(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.xdist_group("group")
        @pytest.mark.parametrize("number", range(20))
        def test_together(number, worker_id):
            with open("workers", "a") as workers:
                print(worker_id, file=workers)
        """
    )
    result = suite.runpytest_subprocess("-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=20)
    assert len(set((suite.path / "workers").read_text().split())) == 1
