"""The registry of accredited authorities: dates of Japan, sources, and nothing but facts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.errors import SettingsError
from proxy.model import Accreditation, AccreditationRegistry
from proxy.trust.accreditation import SHIPPED, load_accreditations

ENTRY = """
complete: true
authorities:
  - name: Example
    certificate_sha256: "{hash}"
    policy_oid: 2.999.1
    accredited_from: 2023-07-01
    accredited_to: 2025-06-30
    source: https://example.test/list
    read_on: 2026-11-25
""".format(hash="ab" * 32)


def load(folder: Path, text: str) -> AccreditationRegistry:
    file = folder / "registry.yaml"
    file.write_text(text, "utf-8")
    return load_accreditations(file)


def test_an_entry_holds_from_midnight_to_midnight_in_japan(tmp_path: Path) -> None:
    registry = load(tmp_path, ENTRY)
    assert registry.complete
    assert registry.entries == (
        Accreditation(
            authority=b"\xab" * 32,
            is_issuer=False,
            policy_oid="2.999.1",
            accredited_from=datetime(2023, 6, 30, 15, tzinfo=UTC),
            accredited_to=datetime(2025, 6, 30, 15, tzinfo=UTC),
        ),
    )


def test_by_issuer_without_policy_and_without_end(tmp_path: Path) -> None:
    text = ENTRY.replace("certificate_sha256", "issuer_sha256").replace("    policy_oid: 2.999.1\n", "")
    (entry,) = load(tmp_path, text.replace("    accredited_to: 2025-06-30\n", "    accredited_to:\n")).entries
    assert (entry.is_issuer, entry.policy_oid, entry.accredited_to) == (True, None, None)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("certificate_sha256", "fingerprint", "fingerprint"),
        ("ab" * 32, "AB" * 20, "certificate_sha256"),
        ("    source: https://example.test/list\n", "", "source"),
        ("    read_on: 2026-11-25\n", "", "read_on"),
        ("accredited_from: 2023-07-01", "accredited_from: soon", "accredited_from"),
        ("complete: true", "complete: [", "cannot be read"),
        ("complete: true", "complete: !!python/object/apply:os.getcwd []", "cannot be read"),
        ("    policy_oid: 2.999.1\n", f"    issuer_sha256: '{'cd' * 32}'\n", "name an authority"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        load(tmp_path, ENTRY.replace(old, new))


def test_the_registry_that_is_shipped_claims_nothing(tmp_path: Path) -> None:
    assert load_accreditations(SHIPPED) == AccreditationRegistry((), complete=False)
    example = SHIPPED.read_text("utf-8").split("authorities: []\n")[1].replace("# -", "  -").replace("#   ", "    ", 20)
    assert len(load(tmp_path, "authorities:\n" + example).entries) == 1, "the example in it is an entry"
