"""What ``signproxy doctor`` finds, each fault beside the same thing in order; with a real authority and real files."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.doctor_checks import Finding, Verdict, examine
from proxy.settings import Settings
from tests.support.keys import rsa_key
from tests.support.pki import DAY, NOW, SIGNER_USAGE, FixedClock, Hierarchy, Holder, crl, issue
from tests.support.software_keys import add_signer, sections
from tests.support.tables import Tables
from tests.support.tsa import Stamp, TSAServer, tsa_server


@dataclass
class Deployment:
    """A whole set of settings in a folder, and the authority they name."""

    folder: Path
    hierarchy: Hierarchy
    client_ca: Holder
    stamp: Stamp
    server: TSAServer
    members: dict[str, Any]
    clock: FixedClock

    def add_signer(self, name: str, holder: Holder, *, with_key: bool = True, with_chain: bool = True) -> None:
        folder = self.folder / "software"
        issuers = (self.hierarchy.issuing, self.hierarchy.root) if with_chain else ()
        block = add_signer(folder, name, holder, *issuers)
        self.members["credentials"].append(block)
        if not with_key:
            (folder / "keys" / f"{name}.pem").unlink()

    async def findings(self) -> list[Finding]:
        settings = Settings.model_validate(self.members, context={"base": self.folder})
        return list(await examine(settings, self.clock))

    async def about(self, subject: str) -> list[tuple[Verdict, str]]:
        found = [(entry.verdict, entry.detail) for entry in await self.findings() if entry.subject.startswith(subject)]
        assert found, f"nothing about {subject}"
        return found

    async def only(self, subject: str, verdict: Verdict) -> str:
        """The one detail of that verdict about a subject."""
        (said,) = [detail for found, detail in await self.about(subject) if found is verdict]
        return said


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    hierarchy = Hierarchy.make()
    ca = issue("Client CA", ca=True)
    listener = issue("127.0.0.1", ca, ends=NOW + 365 * DAY)
    certificate, key = listener.write(tmp_path, "listener")
    (tmp_path / "client-ca.pem").write_bytes(ca.pem)
    (tmp_path / "roots.pem").write_bytes(hierarchy.root.pem)
    (tmp_path / "spool").mkdir()
    stamp = Stamp(hierarchy.tsa(), hierarchy.chain)
    async with tsa_server(lambda query: made.stamp.reply(query)) as server:
        made = Deployment(
            tmp_path,
            hierarchy,
            ca,
            stamp,
            server,
            {
                "listener": {"certificate": str(certificate), "key": str(key), "client_ca": "client-ca.pem"},
                "spool": {"directory": "spool"},
                **sections(tmp_path / "software"),
                "tsa": [{"url": server.url, "trust_anchors": ["roots.pem"]}],
                "revocation": {"source": "off"},
                "trust": {"anchors": ["roots.pem"]},
                "stores": {"transaction_log": "transactions.sqlite"},
                "clients": [{"name": "app", "certificate_sha256": "ab" * 32, "operations": ["es"]}],
            },
            FixedClock(),
        )
        made.add_signer("seal", hierarchy.signer())
        yield made


async def test_all_is_well(deployment: Deployment) -> None:
    findings = await deployment.findings()
    assert {entry.subject for entry in findings if entry.verdict is not Verdict.OK} == {"revocation"}
    subjects = [entry.subject.partition(" (")[0] for entry in findings]
    for subject in ("spool", "transaction log", "listener certificate", "client CA", "clients", "trust anchors"):
        assert subject in subjects
    assert "signer software" in subjects
    assert "certificate seal" in subjects
    assert "tsa default" in subjects
    assert len(deployment.server.queries) == 1


async def test_a_spool_that_is_not_there(deployment: Deployment) -> None:
    deployment.members["spool"] = {"directory": "nowhere"}
    assert "nowhere" in await deployment.only("spool", Verdict.FAILED)


async def test_a_spool_that_is_too_small(deployment: Deployment) -> None:
    deployment.members["limits"] = {"document_bytes": 10**13, "requests_in_flight": 1}
    assert "less than one document" in await deployment.only("spool", Verdict.FAILED)
    deployment.members["limits"] = {"document_bytes": 10**8, "requests_in_flight": 10**6}
    assert "all requests in flight" in await deployment.only("spool", Verdict.WARNING)


async def test_a_transaction_log_in_no_folder(deployment: Deployment) -> None:
    deployment.members["stores"] = {"transaction_log": "nowhere/transactions.sqlite"}
    assert "cannot be written" in await deployment.only("transaction log", Verdict.FAILED)


async def test_what_is_kept_for_idempotency_keys(deployment: Deployment) -> None:
    assert "refused" in await deployment.only("idempotency keys", Verdict.OK)
    key = deployment.folder / "sealing-key"
    deployment.members["stores"] |= {"idempotency": "idempotency.sqlite", "sealing_key": f"file:{key}"}
    assert "cannot be read" in await deployment.only("sealing key", Verdict.FAILED)
    key.write_text(base64.b64encode(bytes(31)).decode())
    assert "32 bytes" in await deployment.only("sealing key", Verdict.FAILED)
    key.write_text(base64.b64encode(bytes(32)).decode() + "\n")
    assert [verdict for verdict, _ in await deployment.about("idempotency keys")] == [Verdict.OK]
    deployment.members["stores"]["idempotency"] = "absent/idempotency.sqlite"
    assert "cannot be written" in await deployment.only("idempotency keys", Verdict.FAILED)


@pytest.mark.xdist_group("localstack")
async def test_tables_are_used_as_the_service_would(deployment: Deployment, tables: Tables) -> None:
    key = deployment.folder / "sealing-key"
    key.write_text(base64.b64encode(bytes(32)).decode())
    names = tables.settings.model_dump(exclude_none=True)
    deployment.members["stores"] = {"sealing_key": f"file:{key}", "dynamodb": names}
    for subject in ("transaction log", "idempotency keys"):
        assert "table" in await deployment.only(subject, Verdict.OK)
    names["transactions"] = "another-table"
    assert "stores.dynamodb" in await deployment.only("tables", Verdict.FAILED)


async def test_a_listener_key_of_another_certificate(deployment: Deployment) -> None:
    other, key = issue("other").write(deployment.folder, "other")
    deployment.members["listener"]["key"] = str(key)
    assert str(key) in await deployment.only("listener", Verdict.FAILED)
    del other


@pytest.mark.parametrize(
    ("begins", "ends", "verdict", "said"),
    [
        (-DAY, 10 * DAY, Verdict.WARNING, "in 10 days"),
        (-20 * DAY, -DAY, Verdict.FAILED, "expired on 2026-05-31"),
        (DAY, 20 * DAY, Verdict.FAILED, "valid from 2026-06-02"),
    ],
)
async def test_a_listener_certificate_near_or_past_its_end(
    deployment: Deployment, begins: timedelta, ends: timedelta, verdict: Verdict, said: str
) -> None:
    issue("127.0.0.1", begins=NOW + begins, ends=NOW + ends).write(deployment.folder, "listener")
    assert said in await deployment.only("listener certificate", verdict)


async def test_a_client_crl_out_of_date(deployment: Deployment) -> None:
    path = deployment.folder / "clients.crl"
    deployment.members["listener"]["client_crl"] = str(path)
    path.write_bytes(crl(deployment.client_ca))
    assert "Client CA" in await deployment.only("client CRL", Verdict.OK)
    deployment.clock.advance(3 * DAY)
    assert "clients are refused" in await deployment.only("client CRL", Verdict.FAILED)


async def test_a_client_crl_of_another_authority(deployment: Deployment) -> None:
    path = deployment.folder / "clients.crl"
    deployment.members["listener"]["client_crl"] = str(path)
    path.write_bytes(crl(issue("Another CA", ca=True)))
    assert "no authority of client_ca" in await deployment.only("client CRL", Verdict.FAILED)


async def test_a_client_ca_that_is_none(deployment: Deployment) -> None:
    (deployment.folder / "client-ca.pem").write_text("nothing")
    assert "client-ca.pem" in await deployment.only("listener", Verdict.FAILED)


async def test_nobody_is_enrolled(deployment: Deployment) -> None:
    deployment.members["clients"] = [{"name": "idle", "certificate_sha256": "ab" * 32}]
    assert "idle" in await deployment.only("clients", Verdict.WARNING)
    deployment.members["clients"] = []
    assert "refused" in await deployment.only("clients", Verdict.WARNING)


async def test_no_anchors(deployment: Deployment) -> None:
    deployment.members["trust"] = {}
    assert "none is set" in await deployment.only("trust anchors", Verdict.WARNING)


async def test_a_signing_certificate_that_is_not_trusted(deployment: Deployment) -> None:
    deployment.add_signer("stranger", issue("stranger", extensions=[SIGNER_USAGE]), with_chain=False)
    assert "not trusted here" in await deployment.only("certificate stranger", Verdict.FAILED)
    assert [verdict for verdict, _ in await deployment.about("certificate seal")] == [Verdict.OK]


async def test_a_signing_certificate_near_or_past_its_end(deployment: Deployment) -> None:
    for name, ends in (("ends", NOW + 10 * DAY), ("ended", NOW - DAY)):
        holder = issue(name, deployment.hierarchy.issuing, ends=ends, extensions=[SIGNER_USAGE])
        deployment.add_signer(name, holder)
    assert "in 10 days" in await deployment.only("certificate ends", Verdict.WARNING)
    assert "CERTIFICATE_EXPIRED" in await deployment.only("certificate ended", Verdict.FAILED)


async def test_a_signing_certificate_without_its_key(deployment: Deployment) -> None:
    deployment.add_signer("orphan", deployment.hierarchy.signer("orphan"), with_key=False)
    assert "the key of this certificate is not there" in await deployment.only("certificate orphan", Verdict.FAILED)


async def test_a_signing_certificate_of_another_key(deployment: Deployment) -> None:
    deployment.add_signer("odd", deployment.hierarchy.signer("odd"))
    deployment.members["credentials"][-1]["key"] = "seal"
    assert "CERTIFICATE_KEY_MISMATCH" in await deployment.only("certificate odd", Verdict.FAILED)


async def test_where_registered_certificates_are_kept(deployment: Deployment) -> None:
    deployment.members["stores"]["certificates"] = "certificates.sqlite"
    assert "can be written" in await deployment.only("registered certificates", Verdict.OK)
    deployment.members["stores"]["certificates"] = "nowhere/certificates.sqlite"
    assert "cannot be written" in await deployment.only("registered certificates", Verdict.FAILED)


async def test_rsa_2048_beyond_2030(deployment: Deployment) -> None:
    for name, ends in (("long", datetime(2031, 1, 1, tzinfo=UTC)), ("short", datetime(2030, 12, 31, tzinfo=UTC))):
        holder = issue(name, deployment.hierarchy.issuing, key=rsa_key(2048), ends=ends, extensions=[SIGNER_USAGE])
        deployment.add_signer(name, holder)
    assert "RSA-2048" in await deployment.only("certificate long", Verdict.WARNING)
    assert [verdict for verdict, _ in await deployment.about("certificate short")] == [Verdict.OK]


async def test_revocation_data_that_cannot_be_had(deployment: Deployment) -> None:
    deployment.members["revocation"] = {"source": "network"}
    assert "REVOCATION_UNAVAILABLE" in await deployment.only("certificate seal", Verdict.FAILED)


async def test_a_time_stamping_authority_that_is_not_there(deployment: Deployment) -> None:
    deployment.members["tsa"][0]["url"] = "http://127.0.0.1:1/tsa"
    assert "TSA_UNAVAILABLE" in await deployment.only("tsa", Verdict.FAILED)


async def test_a_time_stamping_authority_whose_token_fails(deployment: Deployment) -> None:
    deployment.stamp = replace(deployment.stamp, spoil_signature=True)
    assert "TSA_ERROR" in await deployment.only("tsa", Verdict.FAILED)


async def test_no_time_stamping_authority(deployment: Deployment) -> None:
    deployment.members["tsa"] = []
    assert "ES-T" in await deployment.only("tsa", Verdict.WARNING)


@pytest.mark.parametrize(
    ("ahead", "verdict", "said"),
    [
        (timedelta(seconds=2), Verdict.OK, "agrees"),
        (timedelta(seconds=-2), Verdict.OK, "agrees"),
        (timedelta(seconds=30), Verdict.WARNING, "30 s ahead of it"),
        (timedelta(seconds=-30), Verdict.WARNING, "30 s behind it"),
        (timedelta(seconds=-100), Verdict.FAILED, "100 s behind it"),
    ],
)
async def test_the_clock(deployment: Deployment, ahead: timedelta, verdict: Verdict, said: str) -> None:
    deployment.stamp = replace(deployment.stamp, gen_time=NOW - ahead)
    assert said in await deployment.only("clock", verdict)


async def test_a_clock_so_wrong_that_tokens_are_refused(deployment: Deployment) -> None:
    deployment.clock.advance(timedelta(hours=1))
    assert "one of the two clocks is wrong" in await deployment.only("tsa", Verdict.FAILED)


async def test_settings_that_name_what_is_not_there(deployment: Deployment) -> None:
    deployment.members["trust"] = {"anchors": ["nowhere.pem"]}
    assert "nowhere.pem" in await deployment.only("settings", Verdict.FAILED)
