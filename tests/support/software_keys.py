"""Keys and certificates in files, as the settings name them."""

from pathlib import Path
from typing import Any

from tests.support.pki import Holder


def credential(folder: Path, name: str, key: str | None = None, **more: Any) -> dict[str, Any]:
    """A block of the settings for ``certificates/NAME.pem`` of a folder."""
    certificate = str(folder / "certificates" / f"{name}.pem")
    return {"id": name, "backend": "software", "key": key or name, "certificate": certificate, **more}


def add_signer(folder: Path, name: str, holder: Holder, *issuers: Holder, key: str | None = None) -> dict[str, Any]:
    """Write a key and its certificate, and give the block of the settings for it."""
    for sub in ("keys", "certificates"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "keys" / f"{key or name}.pem").write_bytes(holder.key_pem)
    (folder / "certificates" / f"{name}.pem").write_bytes(b"".join(one.pem for one in (holder, *issuers)))
    return credential(folder, name, key)


def sections(folder: Path, *credentials: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The sections ``software`` and ``credentials`` of the settings."""
    return {"software": {"directory": str(folder / "keys"), **more}, "credentials": list(credentials)}
