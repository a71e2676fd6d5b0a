"""The log tells of a failure and never of what was being worked on."""

import subprocess
import sys

import pytest

PROGRAM = """
import structlog
from proxy.app import configure_logging
from proxy.settings import LogSettings

configure_logging(LogSettings(style={style!r}))

def fail(password, document):
    raise RuntimeError("a fault of the proxy")

try:
    fail("planted-" + "password", b"planted-" + b"document")
except RuntimeError:
    structlog.get_logger("test").exception("call.unexpected")
"""


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_traceback_holds_no_values(style: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(style=style)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "a fault of the proxy" in done.stderr
    assert "call.unexpected" in done.stderr
    assert "planted-password" not in done.stderr
    assert "planted-document" not in done.stderr
