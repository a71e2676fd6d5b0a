"""The command as a whole: fast to answer, clear when it fails."""

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from proxy import __version__
from tests.support.contract_service import ContractService
from tests.unit.cli.conftest import ROOT, Command, environment

VERBS = (
    "demo",
    "sandbox",
    "serve",
    "sign",
    "timestamp",
    "verify",
    "batch",
    "report",
    "certificates",
    "operations",
    "maintenance",
    "doctor",
    "health",
    "openapi",
)


async def test_version(signproxy: Command) -> None:
    ended = await signproxy("--version")
    assert (ended.code, ended.out) == (0, f"signproxy {__version__}\n")


def test_the_version_is_written_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"]["path"] == "proxy/__init__.py"


async def test_help_names_every_verb_and_exit_code(signproxy: Command) -> None:
    ended = await signproxy("--help")
    assert ended.code == 0
    for word in (*VERBS, "exit codes:", "environment:", "130"):
        assert word in ended.out


@pytest.mark.parametrize("verb", VERBS)
async def test_each_verb_explains_itself(signproxy: Command, verb: str) -> None:
    ended = await signproxy(verb, "--help")
    assert ended.code == 0
    assert f"usage: signproxy {verb}" in ended.out


@pytest.mark.parametrize(
    "verb",
    ["demo", "serve", "sign", "timestamp", "verify", "report", "certificates", "operations", "maintenance", "doctor", "health"],
)
async def test_verbs_teach_by_examples(signproxy: Command, verb: str) -> None:
    ended = await signproxy(verb, "--help")
    assert "examples:" in ended.out
    assert f"signproxy {verb}" in ended.out.partition("examples:")[2]
    assert "exit codes:" in ended.out


async def test_no_verb_is_a_usage_error_with_help(signproxy: Command) -> None:
    ended = await signproxy()
    assert ended.code == 2
    assert "usage: signproxy" in ended.out


@pytest.mark.parametrize(
    "words",
    [
        ["unknown"],
        ["sign"],
        ["sign", "a.pdf"],
        ["sign", "a.pdf", "--form", "es-x"],
        ["sign", "a.pdf", "--form", "es", "--jobs", "0"],
        ["sign", "a.pdf", "--form", "es", "--timeout", "0"],
        ["sign", "a.pdf", "--for", "es"],
        ["sign", "a.pdf", "--form", "mdp", "--doc-mdp", "4"],
        ["sign", "a.pdf", "--form", "es", "--text", "x", "--page", "0"],
        ["sign", "a.pdf", "--form", "es", "--text", "x", "--width", "-1"],
        ["sign", "a.pdf", "--form", "es", "--text", "x", "--height", "nan"],
        ["sign", "a.pdf", "--form", "es", "--text", "x", "--rotation", "45"],
        ["sign", "a.pdf", "--form", "es", "--password", "secret"],
        ["timestamp"],
        ["timestamp", "a.pdf", "--purpose", "ES-A"],
        ["timestamp", "a.pdf", "--form", "es"],
        ["operations", "list", "--from", "yesterday"],
        ["operations", "list", "--limit", "0"],
        ["certificates"],
    ],
)
async def test_wrong_arguments(signproxy: Command, words: list[str]) -> None:
    ended = await signproxy(*words)
    assert ended.code == 2
    assert "signproxy" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_answers_at_once(option: str) -> None:
    """At most twice what Python takes to import argparse: the best of many runs, for the machine is busy."""

    def seconds(*words: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment({}), cwd=ROOT)
        return time.perf_counter() - begun

    # As the installed command does it.
    command = "import sys; from proxy.cli import main; sys.exit(main())"
    least = taken = float("inf")
    for runs in range(40):
        least = min(least, seconds("-c", "import argparse"))
        taken = min(taken, seconds("-c", command, option))
        if runs >= 5 and taken <= 2 * least:
            return
    pytest.fail(f"{taken * 1000:.0f} ms, Python alone {least * 1000:.0f} ms")


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, contextlib, io, proxy.cli\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    proxy.cli.main(['--help'])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment({}))
    assert not {"aiohttp", "asyncio", "pydantic", "rich", "cryptography", "pyhanko", "ssl"} & set(found.stdout.split())


async def test_a_missing_service_is_named(signproxy: Command) -> None:
    ended = await signproxy("maintenance")
    assert ended.code == 2
    assert ended.err == "signproxy: SETTINGS: no service is named: give --proxy, --sandbox or SIGNPROXY_URL\n"


async def test_a_sandbox_that_does_not_run_is_named(signproxy: Command, tmp_path: Path) -> None:
    ended = await signproxy("certificates", "list", "--sandbox", tmp_path)
    assert ended.code == 2
    assert "no sandbox runs" in ended.err


async def test_an_unreachable_service(signproxy: Command) -> None:
    ended = await signproxy("maintenance", "--proxy", "https://127.0.0.1:1")
    assert ended.code == 3
    assert ended.err.startswith("signproxy: SERVICE_UNREACHABLE: ")
    assert "(transaction " in ended.err
    assert ended.err.count("\n") == 1


async def test_what_the_service_says_cannot_command_the_terminal(service: ContractService, signproxy: Command) -> None:
    service.problem = (404, {"code": "TRANSACTION_NOT_FOUND", "detail": "none\x1b]0;owned\x07\nsecond\u202eline"})
    ended = await signproxy("operations", "show", "abc", *service.options())
    assert ended.code == 5
    assert ended.err.startswith("signproxy: TRANSACTION_NOT_FOUND: none ]0;owned second line (transaction ")
    assert ended.err.count("\n") == 1


async def test_settings_that_cannot_be_read(signproxy: Command, tmp_path: Path) -> None:
    for verb in ("serve", "doctor"):
        ended = await signproxy(verb, "--settings", tmp_path / "none.toml")
        assert ended.code == 2
        assert ended.err.startswith("signproxy: SETTINGS: ")


def test_a_reader_that_has_read_enough_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", "openapi"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({}),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""
