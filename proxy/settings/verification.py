"""What is demanded of signatures when a document is verified."""

from datetime import date
from typing import Literal

from pydantic import Field

from proxy.settings.base import FilePath, Section

Reliance = Literal["always", "never"] | date
"""Until when an algorithm is relied on: the last day, in UTC."""


class TrustedListSettings(Section):
    """An EU trusted list (ETSI TS 119 612): the file as published, and PEM files of who may have signed it."""

    file: FilePath
    signers: tuple[FilePath, ...] = Field(min_length=1)


class AlgorithmSettings(Section):
    """Until when algorithms are relied on, where that is another time than by default.

    ``hashes`` by the names of ``hashlib``, ``rsa`` by modulus length in bits (a key is good as long as the longest length
    that it reaches), ``curves`` by the names of SEC 2 and RFC 5639, ``ed25519`` and ``ed448``.
    """

    hashes: dict[str, Reliance] = Field(default_factory=dict)
    rsa: dict[int, Reliance] = Field(default_factory=dict)
    curves: dict[str, Reliance] = Field(default_factory=dict)


class VerificationSettings(Section):
    """Whom verification trusts, and for how long what.

    ``anchors`` are trusted for signatures beside ``trust.anchors``, ``timestamp_anchors`` for timestamps beside the
    ``trust_anchors`` of each ``[[tsa]]``: files of PEM or DER, or folders of them. ``accreditations`` is the registry of
    accredited time-stamping authorities, in place of the one that comes with the proxy. ``expired_without_poe``: the result for
    a signature whose certificate has expired without proof that it existed before. ``require_fresh_timestamps``: whether
    revocation data about a TSA's certificate must be fresh; if not, what the document brought is enough where nothing newer can
    be had. ``most_signatures``: of one document that are looked at.
    """

    anchors: tuple[FilePath, ...] = ()
    timestamp_anchors: tuple[FilePath, ...] = ()
    trusted_lists: tuple[TrustedListSettings, ...] = ()
    accreditations: FilePath | None = None
    expired_without_poe: Literal["INDETERMINATE", "INVALID"] = "INDETERMINATE"
    require_fresh_timestamps: bool = False
    algorithms: AlgorithmSettings = AlgorithmSettings()
    most_signatures: int = Field(250, ge=1, le=10_000)
