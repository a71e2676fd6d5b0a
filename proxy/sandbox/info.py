"""``sandbox.json``: what a running sandbox tells about itself."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.errors import SettingsError
from proxy.sandbox import profiles
from proxy.sandbox.addresses import Addresses, Listen
from proxy.sandbox.folder import StateFolder, write_file
from proxy.sandbox.pki import UNREGISTERED_KEY


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """Where everything of a running sandbox is. Files are absolute paths to PEM, URLs have no slash at their end.

    Attributes:
        proxy, central: Base URLs, over mutual TLS.
        admin: The proxy's listener of the operations' side, plain HTTP.
        csc: Base URL of the provider of remote signatures, over mutual TLS; ``None`` where it does not run.
        tsa: URL of the RFC 3161 authority, plain HTTP; ``ocsp``, of the OCSP responder.
        ca_file: Whom the TLS servers chain to.
        client_certificate, client_key: An application that may do everything.
        other_client_certificate, other_client_key: One that may read certificates.
        trust_anchors: Roots of signatures and timestamps.
        certificates: Certificate ids by name.
        tsa_certificate, tsa_policy: What tokens are signed with, and their policy.
        unregistered_key_id, unregistered_csr: A key of the central signer that waits for a certificate, and its request.
        transaction_logs: SQLite files of ``proxy`` and ``central``.
        settings: Their settings files.
        processes: Process ids by name, ``sandbox`` among them.
    """

    proxy: str
    central: str
    admin: str
    tsa: str
    ocsp: str
    ca_file: Path
    client_certificate: Path
    client_key: Path
    other_client_certificate: Path
    other_client_key: Path
    trust_anchors: tuple[Path, ...]
    certificates: Mapping[str, str]
    tsa_certificate: Path
    tsa_policy: str
    unregistered_key_id: str
    unregistered_csr: Path
    transaction_logs: Mapping[str, Path]
    settings: Mapping[str, Path]
    processes: Mapping[str, int]
    csc: str | None = None

    @classmethod
    def of(
        cls,
        folder: StateFolder,
        addresses: Addresses,
        listen: Listen,
        processes: Mapping[str, int],
        *,
        with_csc: bool = False,
    ) -> "SandboxInfo":
        """What there is to tell of a folder whose processes run."""
        services = ("proxy", "central")
        return cls(
            proxy=f"https://{listen.url_host}:{addresses.proxy}",
            central=addresses.central_url,
            admin=addresses.admin_url,
            tsa=addresses.tsa_url,
            ocsp=f"{addresses.services}/ocsp",
            ca_file=folder.anchor("tls-ca"),
            client_certificate=folder.client("app").certificate,
            client_key=folder.client("app").key,
            other_client_certificate=folder.client("other").certificate,
            other_client_key=folder.client("other").key,
            trust_anchors=tuple(folder.anchor(name) for name in profiles.TRUST_ANCHORS),
            certificates={profile.name: profile.name for profile in profiles.SIGNING},
            tsa_certificate=folder.tsa().certificate,
            tsa_policy=profiles.TSA_POLICY_OID,
            unregistered_key_id=f"software:{UNREGISTERED_KEY}",
            unregistered_csr=folder.registration_csr,
            transaction_logs={name: folder.transaction_log(name) for name in services},
            settings={name: folder.settings(name) for name in services},
            processes=processes,
            csc=addresses.csc_url if with_csc else None,
        )

    @classmethod
    def read(cls, directory: Path) -> "SandboxInfo":
        """What the sandbox that runs on a folder tells.

        Raises:
            SettingsError: None runs there, or its file is damaged.
        """
        path = StateFolder.at(directory).info
        try:
            members: dict[str, Any] = json.loads(path.read_bytes())
            return cls(
                **{name: members[name] for name in ("proxy", "central", "admin", "tsa", "ocsp", "certificates")},
                ca_file=Path(members["caFile"]),
                client_certificate=Path(members["clientCertificate"]),
                client_key=Path(members["clientKey"]),
                other_client_certificate=Path(members["otherClientCertificate"]),
                other_client_key=Path(members["otherClientKey"]),
                trust_anchors=tuple(Path(name) for name in members["trustAnchors"]),
                tsa_certificate=Path(members["tsaCertificate"]),
                tsa_policy=members["tsaPolicy"],
                unregistered_key_id=members["unregistered"]["keyId"],
                unregistered_csr=Path(members["unregistered"]["csr"]),
                transaction_logs={name: Path(file) for name, file in members["transactionLogs"].items()},
                settings={name: Path(file) for name, file in members["settings"].items()},
                processes=members["pids"],
                csc=members.get("csc"),
            )
        except FileNotFoundError as error:
            raise SettingsError(f"no sandbox runs on {directory}") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path}: {error}") from error

    def write(self, folder: StateFolder) -> None:
        """Put it where :meth:`read` looks, in one step."""
        members = {
            "proxy": self.proxy,
            "central": self.central,
            "admin": self.admin,
            "tsa": self.tsa,
            "ocsp": self.ocsp,
            "caFile": str(self.ca_file),
            "clientCertificate": str(self.client_certificate),
            "clientKey": str(self.client_key),
            "otherClientCertificate": str(self.other_client_certificate),
            "otherClientKey": str(self.other_client_key),
            "trustAnchors": [str(path) for path in self.trust_anchors],
            "certificates": dict(self.certificates),
            "tsaCertificate": str(self.tsa_certificate),
            "tsaPolicy": self.tsa_policy,
            "unregistered": {"keyId": self.unregistered_key_id, "csr": str(self.unregistered_csr)},
            "transactionLogs": {name: str(path) for name, path in self.transaction_logs.items()},
            "settings": {name: str(path) for name, path in self.settings.items()},
            "pids": dict(self.processes),
        }
        if self.csc is not None:
            members["csc"] = self.csc
        write_file(folder.info, json.dumps(members, indent=2, ensure_ascii=False).encode())

    def curl_lines(self) -> tuple[str, ...]:
        """Commands to paste into a shell."""
        curl = shlex.join(
            ["curl", "--cacert", str(self.ca_file), "--cert", str(self.client_certificate), "--key", str(self.client_key)]
        )
        signing = f"-T contract.pdf -o signed.pdf '{self.proxy}/v1/signatures"
        return (
            f"{curl} {self.proxy}/v1/certificates",
            f"{curl} {signing}/es?certificateId=legal-person-rsa'",
            f"{curl} {signing}/es-t?certificateId=legal-person-p256'",
        )
