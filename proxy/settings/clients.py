"""Who may do what: default deny."""

from typing import Literal

from pydantic import Field, model_validator

from proxy.settings.base import Section

Operation = Literal[
    "es",
    "es-t",
    "mdp",
    "es-a",
    "timestamp",
    "verify",
    "hash",
    "timestamp-hash",
    "certificates",
    "register",
    "revocation",
    "keys",
    "csr",
]
"""Names of operations in grants. ``certificates`` is reading: list, one, chain; ``keys`` is listing and making them."""


class ClientSettings(Section):
    """One enrolled client and what it may do.

    Identified by ``certificate_sha256`` (hex, of the DER), or by ``issuer`` (RFC 4514) and ``serial_number`` (hex) together.
    ``certificates`` lists certificate ids; ``["*"]`` permits all.
    """

    name: str = Field(min_length=1, max_length=64)
    certificate_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    issuer: str | None = None
    serial_number: str | None = Field(None, pattern="^[0-9a-f]+$")
    operations: tuple[Operation, ...] = ()
    certificates: tuple[str, ...] = ()
    rate_per_second: float | None = Field(None, gt=0)
    in_flight: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _identified(self) -> "ClientSettings":
        by_pair = self.issuer is not None and self.serial_number is not None
        if (self.certificate_sha256 is None) == (not by_pair):
            raise ValueError("name a client by certificate_sha256, or by issuer and serial_number")
        return self
