"""The real sandbox, once a test process: CA with OCSP and CRLs, TSA, central signer and proxy, each a process of its own.

``sandbox`` is the fixture. It is asked over real mutual TLS; what a test spent is told by the central signer's own transaction
log and by the authority's own counts.
"""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.sandbox.folder import StateFolder
from proxy.sandbox.info import SandboxInfo
from proxy.sandbox.run import running_sandbox
from tests.support.calling import Caller
from tests.support.spawned import unnamed_files, until


@dataclass(slots=True)
class Spent:
    """What a stretch of a test cost.

    Attributes:
        calls: Hash signatures asked of the central signer, refused ones included.
        signatures: Digests it signed.
        tokens: Timestamp tokens granted.
    """

    calls: int = 0
    signatures: int = 0
    tokens: int = 0

    @property
    def nothing(self) -> bool:
        return (self.calls, self.signatures, self.tokens) == (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        info: Where everything is.
        directory: Its folder.
        spool: Where its processes spool.
    """

    info: SandboxInfo
    directory: Path
    spool: Path

    @property
    def folder(self) -> StateFolder:
        """Names every file in the folder."""
        return StateFolder.at(self.directory)

    @property
    def anchors(self) -> tuple[Path, ...]:
        """The roots of signatures and tokens, PEM."""
        return self.info.trust_anchors

    @property
    def app(self) -> Caller:
        """The client that may do everything."""
        return self.caller("app")

    def caller(self, name: str | None, url: str | None = None) -> Caller:
        """One of the sandbox's clients by name, or with ``None`` one without a certificate; of the proxy or another service."""
        if name is None:
            return Caller(url or self.info.proxy, self.info.ca_file)
        files = self.folder.client(name)
        return Caller(url or self.info.proxy, self.info.ca_file, files.certificate, files.key)

    @contextmanager
    def spending(self) -> Iterator[Spent]:
        """What was spent from here to the end of the block, known when it is over."""
        spent = Spent()
        begun = datetime.now(UTC)
        tokens = self._tokens()
        yield spent
        central = self.caller("proxy", self.info.central)
        answer = central.get("/v1/operations", {"limit": "1000", "from": begun.isoformat()})
        assert answer.status == 200, answer.body
        assert "nextCursor" not in answer.members, "more than a page happened; look at less at a time"
        signed = [entry for entry in answer.members["operations"] if entry["operation"] == "hash"]
        spent.calls = len(signed)
        spent.signatures = sum(len(entry["digests"]) for entry in signed if entry["state"] == "SUCCEEDED")
        spent.tokens = self._tokens() - tokens

    def _tokens(self) -> int:
        with urllib.request.urlopen(self.info.tsa.removesuffix("/tsa") + "/counts") as answer:  # noqa: S310 - its own address
            return int(json.load(answer)["granted"])

    def assert_nothing_left(self, pid: int | None = None) -> None:
        """No spooled document is held by the proxy (or another service of this name space), and none has a name."""
        until(lambda: not unnamed_files(pid or self.info.processes["proxy"], self.spool), seconds=5)
        assert not list(self.spool.glob("spool-*"))


@contextmanager
def started_sandbox(root: Path) -> Iterator[Sandbox]:
    """Start the sandbox in a folder below ``root`` by its command, and stop it at the end of the block."""
    spool = root / "spool"
    spool.mkdir()
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TMPDIR", str(spool))
            info = stack.enter_context(running_sandbox(root / "state"))
        yield Sandbox(info, root / "state", spool)
