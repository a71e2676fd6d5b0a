"""SoftHSM 2, a PKCS #11 token in a folder, by an implementation that nobody here wrote: Debian's package ``softhsm2``."""

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.keys import PrivateKey

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN, SO_PIN = "user:1234-5678", "87654321"
"""The user's PIN looks like one of CloudHSM's, which has the user's name in it."""

_ENVIRONMENT = "SOFTHSM2_CONF"


def is_installed() -> bool:
    """Whether the module and its tool are there."""
    return MODULE.exists() and shutil.which("softhsm2-util") is not None


@dataclass(frozen=True, slots=True)
class SoftHSM:
    """A folder of tokens."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "SoftHSM":
        """A new one, without a token."""
        (folder / "tokens").mkdir(parents=True, exist_ok=True)
        (folder / "softhsm2.conf").write_text(
            f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n", encoding="utf-8"
        )
        return cls(folder)

    @property
    def environment(self) -> dict[str, str]:
        """What the module needs to find the folder."""
        return {_ENVIRONMENT: str(self.folder / "softhsm2.conf")}

    @property
    def pin_file(self) -> Path:
        """Where :meth:`settings` say the PIN is."""
        return self.folder / "pin"

    def settings(self, **more: object) -> dict[str, object]:
        """The section ``pkcs11`` for the one token there is, with the PIN in a file."""
        if not self.pin_file.exists():
            self.pin_file.write_text(PIN, encoding="utf-8")
        return {
            "module": str(MODULE),
            "pin": f"file:{self.pin_file}",
            "processes": 2,
            "timeout_seconds": 30.0,
            "environment": [_ENVIRONMENT],
            **more,
        }

    def add_token(self, label: str, pin: str = PIN) -> None:
        """Initialise one."""
        self._util("--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", SO_PIN)

    def take_token(self) -> None:
        """The one token there is is gone, in one moment, with all that is on it."""
        (token,) = (self.folder / "tokens").iterdir()
        token.rename(self.folder / "taken")

    def bring_token(self) -> None:
        """It is there again, as it was."""
        (self.folder / "taken").rename(self.folder / "tokens" / "brought")

    def add_key(self, token: str, key: PrivateKey, label: str, object_id: bytes, *, public: bool = True) -> None:
        """Import a key pair, or the private key alone."""
        file = self.folder / "import.pem"
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        without = () if public else ("--no-public-key",)
        named = ("--token", token, "--label", label, "--id", object_id.hex(), "--force")
        self._util("--import", str(file), *named, "--pin", PIN, *without)

    def run(self, script: str, token: str) -> str:
        """Run Python on a session with a token, in a process of its own; gives what it printed.

        Args:
            script: Statements. ``session`` is open for reading and writing, ``pkcs11`` and its names are imported.
            token: The token's label.
        """
        opening = f"session = pkcs11.lib({str(MODULE)!r}).get_token(token_label={token!r}).open(rw=True, user_pin={PIN!r})\n"
        source = "import pkcs11\nfrom pkcs11 import *\n" + opening + textwrap.dedent(script)
        done = subprocess.run(
            [sys.executable, "-c", source], env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _util(self, *arguments: str) -> None:
        done = subprocess.run(
            ["softhsm2-util", *arguments], env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
