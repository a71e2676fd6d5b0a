"""proxy.signers.kms against a KMS of ours that misbehaves to order: what is asked, what is refused, what each failure is."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from proxy.errors import (
    AlgorithmNotAllowed,
    DeadlineExceeded,
    InvalidParameter,
    KeyNotFound,
    NotSupported,
    ProxyError,
    SettingsError,
    SignerError,
    SignerUnavailable,
)
from proxy.model import Digest, HashAlgorithm, HeldKey, KeyAlgorithm, SignAlgorithm
from proxy.ports import KeyBackend
from proxy.settings import KMSSettings
from proxy.signers.kms import KMSKeys
from proxy.signers.kms_failures import state_failure
from tests.support.faulty_server import Reply, answers, drips, faulty_server, resets, sends, unused_url
from tests.support.keys import ec_key, rsa_key
from tests.support.kms_server import (
    ACCESS_KEY,
    REGION,
    SECRET_KEY,
    KMSServer,
    arn,
    error,
    fails,
    gives,
    kms_server,
    ok,
    says,
)
from tests.support.pki import FixedClock, new_call

P256 = "11111111-1111-4111-8111-111111111111"
RSA = "22222222-2222-4222-8222-222222222222"
OTHER = "33333333-3333-4333-8333-333333333333"
DIGEST = Digest.of(b"one", HashAlgorithm.SHA256)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)


@pytest.fixture
async def server() -> AsyncIterator[KMSServer]:
    async with kms_server() as running:
        running.add(P256, ec_key())
        running.add(RSA, rsa_key(2048))
        running.aliases |= {"alias/seal": P256, "alias/aws/s3": OTHER}
        yield running


@asynccontextmanager
async def opened(url: str, clock: FixedClock | None = None, in_flight: int = 4, **settings: object) -> AsyncIterator[KMSKeys]:
    values = {"region": REGION, "endpoint_url": url, "keys": ("alias/seal", RSA), "timeout_seconds": 5.0} | settings
    keys = KMSKeys(KMSSettings.model_validate(values), in_flight, clock or FixedClock())
    try:
        yield keys
    finally:
        await keys.close()


async def sign(keys: KeyBackend, key: HeldKey, seconds: float = 30.0) -> tuple[bytes, ...]:
    return await keys.sign(new_call(seconds), key, key.sign_algorithms[0], [DIGEST])


async def test_all_that_leaves_for_a_signature_is_a_key_an_algorithm_and_a_digest(server: KMSServer) -> None:
    async with opened(server.url) as keys:
        key = await keys.get_key(new_call(), "alias/seal")
        before, call = len(server.bodies), new_call()
        await keys.sign(call, key, SignAlgorithm.ECDSA, [DIGEST])
    (body,) = server.bodies[before:]
    assert json.loads(body) == {
        "KeyId": arn(f"key/{P256}"),
        "Message": "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=",
        "MessageType": "DIGEST",
        "SigningAlgorithm": "ECDSA_SHA_256",
    }
    (exchange,) = call.ledger.exchanges
    assert (exchange.destination, exchange.sent) == ("kms", len(body))
    assert exchange.received > 0


class TestKeys:
    @pytest.mark.parametrize("reference", ["alias/seal", P256, arn(f"key/{P256}")])
    async def test_a_key_is_found_by_each_of_its_names(self, server: KMSServer, reference: str) -> None:
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), reference)
        assert key.key_id == P256
        assert (key.sign_algorithms, key.hash_algorithms) == ((SignAlgorithm.ECDSA,), (HashAlgorithm.SHA256,))
        assert key.backend == "kms"

    @pytest.mark.parametrize("reference", [OTHER, "alias/other", arn(f"key/{OTHER}"), "", "..", "alias/", "x" * 3000])
    async def test_a_key_that_the_settings_do_not_permit_is_not_asked_for(self, server: KMSServer, reference: str) -> None:
        server.add(OTHER, ec_key("secp384r1"))
        server.aliases["alias/other"] = OTHER
        async with opened(server.url) as keys:
            with pytest.raises(KeyNotFound):
                await keys.get_key(new_call(), reference)
        assert not {str(body.get("KeyId")) for _, body in server.asked} & {OTHER, reference}

    async def test_what_was_learnt_is_kept_for_a_while(self, server: KMSServer) -> None:
        clock = FixedClock()
        async with opened(server.url, clock) as keys:
            first = await keys.list_keys(new_call())
            asked = len(server.asked)
            assert await keys.list_keys(new_call()) == first
            assert len(server.asked) == asked == 4
            clock.advance(timedelta(seconds=301))
            await keys.list_keys(new_call())
            assert len(server.asked) == 2 * asked

    async def test_an_alias_that_moves_takes_no_certificate_along(self, server: KMSServer) -> None:
        clock = FixedClock()
        async with opened(server.url, clock, keys=("alias/seal",)) as keys:
            key = await keys.get_key(new_call(), "alias/seal")
            server.add(OTHER, ec_key("secp384r1"))
            server.aliases["alias/seal"] = OTHER
            await sign(keys, key)
            assert server.asked[-1][1]["KeyId"] == arn(f"key/{P256}")
            clock.advance(timedelta(seconds=301))
            with pytest.raises(KeyNotFound):
                await sign(keys, key)

    async def test_keys_that_cannot_be_used_are_left_out_of_the_list_and_named_when_asked_for(self, server: KMSServer) -> None:
        server.add(OTHER, ec_key("secp384r1"), usage="KEY_AGREEMENT")
        server.keys[RSA].state = "PendingDeletion"
        async with opened(server.url, keys=("alias/seal", RSA, OTHER, "alias/gone")) as keys:
            assert [key.key_id for key in await keys.list_keys(new_call())] == [P256]
            with pytest.raises(AlgorithmNotAllowed):
                await keys.get_key(new_call(), OTHER)
            with pytest.raises(SignerError, match="scheduled for deletion"):
                await keys.get_key(new_call(), RSA)
            with pytest.raises(KeyNotFound):
                await keys.get_key(new_call(), "alias/gone")
            await keys.check(new_call())
            server.keys[P256].state = "Disabled"
            with pytest.raises(SignerError):
                await keys.check(new_call())

    @pytest.mark.parametrize(
        ("action", "members"),
        [
            ("GetPublicKey", {"KeyId": arn(f"key/{OTHER}")}),
            ("GetPublicKey", {"PublicKey": "AAAA"}),
            ("GetPublicKey", {"PublicKey": "not base64"}),
            ("DescribeKey", {"KeyMetadata": {"Arn": arn(f"key/{P256}")}}),
            ("DescribeKey", {}),
        ],
    )
    async def test_an_answer_about_a_key_that_does_not_fit_is_an_error(
        self, server: KMSServer, action: str, members: dict[str, object]
    ) -> None:
        async def odd(body: dict[str, object]) -> object:
            server.always.pop(action)
            honest = json.loads((await server.answer(action, body)).body)  # type: ignore[attr-defined]  # ours has one
            return ok((honest | members) if members else {})

        server.always[action] = odd  # type: ignore[assignment]  # the same, less exactly
        async with opened(server.url) as keys:
            with pytest.raises(SignerError):
                await keys.get_key(new_call(), "alias/seal")


class TestAlgorithms:
    @pytest.mark.parametrize(
        ("curve", "fits"),
        [("secp256r1", HashAlgorithm.SHA256), ("secp384r1", HashAlgorithm.SHA384), ("secp521r1", HashAlgorithm.SHA512)],
    )
    async def test_a_curve_signs_its_own_hash_and_no_other_leaves(
        self, server: KMSServer, curve: str, fits: HashAlgorithm
    ) -> None:
        server.keys[P256].private = ec_key(curve)
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), P256)
            assert key.hash_algorithms == (fits,)
            for other in set(HashAlgorithm) - {fits}:
                with pytest.raises(AlgorithmNotAllowed):
                    await keys.sign(new_call(), key, SignAlgorithm.ECDSA, [Digest.of(b"", other)])
            with pytest.raises(AlgorithmNotAllowed):
                await keys.sign(new_call(), key, SignAlgorithm.RSASSA_PSS, [Digest.of(b"", fits)])
            assert "Sign" not in server.actions()
            await keys.sign(new_call(), key, SignAlgorithm.ECDSA, [Digest.of(b"", fits)])

    async def test_keys_of_other_kinds_are_refused(self, server: KMSServer) -> None:
        server.always["DescribeKey"] = gives(
            {"KeyMetadata": server.keys[P256].metadata | {"KeySpec": "ECC_SECG_P256K1", "KeyState": "Enabled"}}
        )
        async with opened(server.url) as keys:
            with pytest.raises(AlgorithmNotAllowed):
                await keys.get_key(new_call(), "alias/seal")


class TestFailures:
    @pytest.mark.parametrize(
        ("code", "status", "kind"),
        [
            ("NotFoundException", 400, KeyNotFound),
            ("com.amazonaws.kms#NotFoundException", 400, KeyNotFound),
            ("AccessDeniedException", 400, SignerError),
            ("InvalidSignatureException", 403, SignerError),
            ("InvalidKeyUsageException", 400, AlgorithmNotAllowed),
            ("ValidationException", 400, SignerError),
            ("SomethingNewException", 400, SignerError),
            ("", 301, SignerError),
            ("", 403, SignerError),
        ],
    )
    async def test_a_failure_has_its_name_leaks_nothing_and_is_not_repeated(
        self, server: KMSServer, code: str, status: int, kind: type[ProxyError]
    ) -> None:
        server.always["Sign"] = fails(code, status)
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), P256)
            with pytest.raises(kind) as caught:
                await sign(keys, key)
        assert type(caught.value) is kind
        assert server.actions().count("Sign") == 1
        assert not [word for word in ("internal", "9999", "role", "db7", P256) if word in caught.value.detail]

    @pytest.mark.parametrize("code", ["KeyUnavailableException", "KMSInternalException", "DependencyTimeoutException", "New"])
    async def test_what_the_service_could_not_do_is_asked_again_three_times_in_all(self, server: KMSServer, code: str) -> None:
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), P256)
            server.faults["Sign"] = [fails(code, 500), fails(code, 503)]
            call = new_call()
            await keys.sign(call, key, SignAlgorithm.ECDSA, [DIGEST])
            assert len(call.ledger.exchanges) == 3
            server.always["Sign"] = fails(code, 500)
            with pytest.raises(SignerUnavailable) as caught:
                await sign(keys, key)
        assert caught.value.retry_after
        assert server.actions().count("Sign") == 6
        assert server.signed == 1

    async def test_throttling_is_backed_off_from(self, server: KMSServer) -> None:
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), P256)
            server.faults["Sign"] = [fails("ThrottlingException")] * 4
            await sign(keys, key)
            assert (server.actions().count("Sign"), server.signed) == (5, 1)

    async def test_throttling_without_end_ends_before_the_calls_time_does(self, server: KMSServer) -> None:
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), P256)
            server.always["Sign"] = fails("ThrottlingException")
            call = new_call(0.5)
            with pytest.raises(SignerUnavailable) as caught:
                await keys.sign(call, key, SignAlgorithm.ECDSA, [DIGEST])
            assert call.deadline.remaining > 0
        assert caught.value.retry_after
        assert 1 < server.actions().count("Sign") <= 8

    @pytest.mark.parametrize(
        ("state", "kind", "text"),
        [
            ("Disabled", SignerError, "disabled"),
            ("PendingDeletion", SignerError, "deletion"),
            ("PendingReplicaDeletion", SignerError, "deletion"),
            ("PendingImport", SignerError, "material"),
            ("Creating", SignerError, "material"),
            ("Unavailable", SignerUnavailable, "not connected"),
        ],
    )
    async def test_a_key_state_under_way_is_named(
        self, server: KMSServer, state: str, kind: type[ProxyError], text: str
    ) -> None:
        clock = FixedClock()
        async with opened(server.url, clock) as keys:
            key = await keys.get_key(new_call(), P256)
            server.keys[P256].state = state
            # As it is found out, and from then on.
            for _ in range(2):
                with pytest.raises(kind, match=text):
                    await sign(keys, key)
            with pytest.raises(kind, match=text):
                await keys.get_key(new_call(), P256)
            server.keys[P256].state = "Enabled"
            clock.advance(timedelta(seconds=301))
            await sign(keys, key)
        assert server.signed == 1

    @pytest.mark.parametrize(
        ("members", "kind"),
        [
            ({"KeyId": arn(f"key/{OTHER}"), "SigningAlgorithm": "ECDSA_SHA_256", "Signature": "AAAA"}, SignerError),
            ({"KeyId": arn(f"key/{P256}"), "SigningAlgorithm": "ECDSA_SHA_384", "Signature": "AAAA"}, SignerError),
            ({"KeyId": arn(f"key/{P256}"), "SigningAlgorithm": "ECDSA_SHA_256", "Signature": ""}, SignerError),
            ({"KeyId": arn(f"key/{P256}"), "SigningAlgorithm": "ECDSA_SHA_256", "Signature": "*"}, SignerError),
            ({"KeyId": arn(f"key/{P256}"), "SigningAlgorithm": "ECDSA_SHA_256"}, SignerError),
        ],
    )
    async def test_a_signature_that_is_none_is_an_error(
        self, server: KMSServer, members: dict[str, object], kind: type[ProxyError]
    ) -> None:
        server.always["Sign"] = gives(members)
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), P256)
            with pytest.raises(kind):
                await sign(keys, key)

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"<html>", b"\xff\xfe", b"{" * 5000, b" " * 300_000])
    async def test_garbage_is_an_error(self, server: KMSServer, body: bytes) -> None:
        server.always["Sign"] = says(body)
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), P256)
            with pytest.raises(SignerError):
                await sign(keys, key)
            server.always["Sign"] = says(body, status=400)
            with pytest.raises(SignerError):
                await sign(keys, key)

    async def test_a_redirect_is_not_followed(self, server: KMSServer) -> None:
        async with faulty_server(answers(b"{}")) as elsewhere:
            server.always["Sign"] = says(b"", status=307, headers={"Location": elsewhere.url})
            async with opened(server.url) as keys:
                key = await keys.get_key(new_call(), P256)
                with pytest.raises(SignerError):
                    await sign(keys, key)
            assert elsewhere.requests == []

    @pytest.mark.parametrize(
        ("reply", "kind", "attempts"),
        [
            (resets(), SignerUnavailable, 3),
            (resets(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"), SignerUnavailable, 3),
            (sends(b"SSH-2.0-nothing\r\n\r\n"), SignerError, 1),
            (None, DeadlineExceeded, 1),
            (drips(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + b" " * 90), DeadlineExceeded, 1),
        ],
    )
    async def test_a_broken_line_is_named_within_the_calls_time(
        self, reply: Reply | None, kind: type[ProxyError], attempts: int
    ) -> None:
        async with faulty_server(reply) as server, opened(server.url) as keys:
            begun, call = time.monotonic(), new_call(0.5)
            with pytest.raises(kind):
                await keys.get_key(call, RSA)
            assert time.monotonic() - begun < 5
            assert len(server.requests) == len(call.ledger.exchanges) == attempts

    async def test_nobody_there(self) -> None:
        async with opened(unused_url()) as keys:
            with pytest.raises(SignerUnavailable):
                await keys.get_key(new_call(), RSA)

    async def test_an_answer_that_takes_too_long(self) -> None:
        async with faulty_server(None) as server, opened(server.url, timeout_seconds=0.2) as keys:
            with pytest.raises(SignerUnavailable):
                await keys.get_key(new_call(), RSA)


class TestManyDigests:
    async def test_they_are_answered_in_order_some_at_a_time(self, server: KMSServer) -> None:
        digests = [Digest.of(bytes([number]), HashAlgorithm.SHA256) for number in range(20)]
        together = asyncio.Event()

        async def three_at_a_time(body: dict[str, object]) -> object:
            if server.in_flight == 3:
                together.set()
            await together.wait()
            return server.sign(body)

        server.always["Sign"] = three_at_a_time  # type: ignore[assignment]  # less exactly typed
        async with opened(server.url, in_flight=3) as keys:
            key = await keys.get_key(new_call(), RSA)
            values = await keys.sign(new_call(), key, SignAlgorithm.RSASSA_PKCS1_V1_5, digests)
            # PKCS#1 v1.5 is the same each time.
            (again,) = await keys.sign(new_call(), key, SignAlgorithm.RSASSA_PKCS1_V1_5, digests[7:8])
        assert len(set(values)) == 20
        assert values[7] == again
        assert server.in_flight_most == 3

    async def test_one_that_fails_fails_all_and_ends_the_others(self, server: KMSServer) -> None:
        waiting = asyncio.Event()

        async def never(_: dict[str, object]) -> None:
            waiting.set()
            await asyncio.Event().wait()

        async def refused(_: dict[str, object]) -> object:
            await waiting.wait()
            return error("AccessDeniedException")

        server.faults["Sign"] = [never, refused]  # type: ignore[list-item]  # neither answers as others do
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), P256)
            with pytest.raises(SignerError):
                await keys.sign(new_call(), key, SignAlgorithm.ECDSA, [DIGEST, Digest.of(b"two", HashAlgorithm.SHA256)])

    async def test_a_call_whose_time_is_over_sends_nothing(self, server: KMSServer) -> None:
        async with opened(server.url) as keys:
            key = await keys.get_key(new_call(), P256)
            with pytest.raises(DeadlineExceeded):
                await sign(keys, key, 0)
        assert "Sign" not in server.actions()


class TestCreation:
    @staticmethod
    def creating(server: KMSServer, made: str = OTHER) -> None:
        async def create(body: dict[str, object]) -> object:
            assert (body["KeySpec"], body["KeyUsage"]) == ("ECC_NIST_P384", "SIGN_VERIFY")
            return ok({"KeyMetadata": server.add(made, ec_key("secp384r1")).metadata})

        async def name(body: dict[str, str]) -> object:
            server.aliases[body["AliasName"]] = body["TargetKeyId"].rpartition("/")[2]
            return ok({})

        server.always |= {"CreateKey": create, "CreateAlias": name}  # type: ignore[dict-item]  # less exactly typed

    async def test_a_new_key_signs_at_once_and_is_found_again_by_its_alias(self, server: KMSServer) -> None:
        self.creating(server)
        async with opened(server.url, keys=(), create_under="alias/seals/") as keys:
            assert await keys.list_keys(new_call()) == ()
            made = await keys.create_key(new_call(), KeyAlgorithm.P_384, "press")
            await keys.sign(new_call(), made, SignAlgorithm.ECDSA, [Digest.of(b"", HashAlgorithm.SHA384)])
            assert await keys.list_keys(new_call()) == (made,)
        async with opened(server.url, keys=(), create_under="alias/seals/") as restarted:
            assert await restarted.get_key(new_call(), "alias/seals/press") == made
            assert await restarted.list_keys(new_call()) == (made,)

    async def test_a_key_that_another_task_made_is_found_before_the_aliases_are_listed_again(self, server: KMSServer) -> None:
        async with opened(server.url, keys=(), create_under="alias/seals/") as keys:
            assert await keys.list_keys(new_call()) == ()
            server.aliases["alias/seals/others"] = P256
            assert (await keys.get_key(new_call(), "alias/seals/others")).key_id == P256
            asked = len(server.asked)
            for reference in ("alias/seals/", "alias/seals/a b", "alias/seal"):
                with pytest.raises(KeyNotFound):
                    await keys.get_key(new_call(), reference)
            assert len(server.asked) == asked

    @pytest.mark.parametrize("label", ["", "a b", "é", "/x", "x" * 101, "taken"])
    async def test_a_label_that_cannot_be_used_makes_no_key(self, server: KMSServer, label: str) -> None:
        self.creating(server)
        server.aliases["alias/seals/taken"] = P256
        async with opened(server.url, create_under="alias/seals/") as keys:
            with pytest.raises(InvalidParameter):
                await keys.create_key(new_call(), KeyAlgorithm.P_384, label)
        assert "CreateKey" not in server.actions()

    async def test_a_key_without_its_alias_is_scheduled_for_deletion(self, server: KMSServer) -> None:
        self.creating(server)
        server.always["CreateAlias"] = fails("AlreadyExistsException")
        server.always["ScheduleKeyDeletion"] = gives({})
        async with opened(server.url, create_under="alias/seals/") as keys:
            with pytest.raises(InvalidParameter):
                await keys.create_key(new_call(), KeyAlgorithm.P_384, None)
        assert server.asked[-1] == ("ScheduleKeyDeletion", {"KeyId": arn(f"key/{OTHER}"), "PendingWindowInDays": 7})

    async def test_a_creation_whose_end_is_unknown_is_not_repeated(self, server: KMSServer) -> None:
        server.always["CreateKey"] = fails("DependencyTimeoutException", 503)
        async with opened(server.url, create_under="alias/seals/") as keys:
            with pytest.raises(SignerUnavailable):
                await keys.create_key(new_call(), KeyAlgorithm.P_384, None)
        assert server.actions().count("CreateKey") == 1

    async def test_without_leave_none_is_made(self, server: KMSServer) -> None:
        async with opened(server.url) as keys:
            with pytest.raises(NotSupported):
                await keys.create_key(new_call(), KeyAlgorithm.P_384, None)
        assert server.asked == []


class TestSettings:
    @pytest.mark.parametrize(
        "values",
        [
            {"region": "eu-central-1"},
            {"region": "elsewhere", "keys": [P256]},
            {"region": "eu-central-1", "keys": ["seal"]},
            {"region": "eu-central-1", "keys": ["arn:aws:kms:eu-west-1:111122223333:key/" + P256]},
            {"region": "eu-central-1", "keys": ["arn:aws:s3:eu-central-1:111122223333:key/" + P256]},
            {"region": "eu-central-1", "keys": ["alias/aws/s3"]},
            {"region": "eu-central-1", "create_under": "alias/aws/"},
            {"region": "eu-central-1", "create_under": "seals/"},
            {"region": "eu-central-1", "create_under": "alias/seals"},
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, values: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            KMSSettings.model_validate(values)

    @pytest.mark.parametrize(
        "reference",
        ["mrk-" + "1" * 32, arn("alias/seal", "444455556666"), "arn:aws-cn:kms:cn-north-1:111122223333:key/" + P256],
    )
    def test_references_of_every_kind_are_taken(self, reference: str) -> None:
        region = "cn-north-1" if "cn-north" in reference else REGION
        assert KMSSettings.model_validate({"region": region, "keys": [reference]}).keys == (reference,)

    @pytest.mark.parametrize("url", ["http://kms.internal", "ftp://127.0.0.1", "https://u:p@kms.internal", "kms.internal"])
    async def test_only_tls_beyond_loopback(self, url: str) -> None:
        with pytest.raises(SettingsError):
            KMSKeys(KMSSettings(region=REGION, keys=(P256,), endpoint_url=url), 1, FixedClock())

    async def test_a_region_has_its_endpoint(self) -> None:
        for region, host in (
            ("eu-central-1", "kms.eu-central-1.amazonaws.com"),
            ("cn-north-1", "kms.cn-north-1.amazonaws.com.cn"),
        ):
            keys = KMSKeys(KMSSettings(region=region, keys=(P256,)), 1, FixedClock())
            assert keys._connection._api.url == f"https://{host}/"
            await keys.close()
        with pytest.raises(SettingsError):
            KMSKeys(KMSSettings(region="zz-nowhere-1", keys=(P256,)), 1, FixedClock())


def role(ends: timedelta) -> bytes:
    """What ECS answers for a task's role."""
    members = {
        "AccessKeyId": ACCESS_KEY,
        "SecretAccessKey": SECRET_KEY,
        "Token": "session",
        "Expiration": (datetime.now(UTC) + ends).isoformat(),
    }
    return json.dumps(members).encode()


class TestCredentials:
    @pytest.fixture(autouse=True)
    def nothing_at_hand(self, credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "BOTO_CONFIG"):
            monkeypatch.setenv(name, "/nowhere")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    async def test_without_any_nothing_is_sent(self, server: KMSServer) -> None:
        async with opened(server.url) as keys:
            for asked in (keys.get_key(new_call(), P256), keys.list_keys(new_call()), keys.check(new_call())):
                with pytest.raises(SignerError):
                    await asked
        assert server.asked == []

    @pytest.mark.parametrize(("left", "asked"), [(timedelta(hours=6), 1), (timedelta(seconds=30), 5)])
    async def test_a_tasks_role_is_asked_for_once_and_again_when_it_ends(
        self, server: KMSServer, monkeypatch: pytest.MonkeyPatch, left: timedelta, asked: int
    ) -> None:
        async with faulty_server(answers(role(left), content_type="application/json")) as task:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", task.url + "/role")
            async with opened(server.url, keys=(P256,)) as keys:
                key = await keys.get_key(new_call(), P256)
                await sign(keys, key)
                await sign(keys, key)
        assert server.signed == 2
        assert set(server.tokens) == {"session"}
        # Four requests to KMS were signed; before the first of them the role was looked for, and renewed.
        assert len(task.requests) == asked

    async def test_a_role_is_renewed_beside_the_requests_before_it_ends(
        self, server: KMSServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with faulty_server(answers(role(timedelta(minutes=5)), content_type="application/json")) as task:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", task.url + "/role")
            async with opened(server.url, keys=(P256,)) as keys:
                key = await keys.get_key(new_call(), P256)
                task.asked.clear()
                await sign(keys, key)
                await asyncio.wait_for(task.asked.wait(), 30)
        assert server.signed == 1

    async def test_credentials_that_are_refused_as_over_are_found_anew_once(
        self, server: KMSServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with faulty_server(answers(role(timedelta(hours=6)), content_type="application/json")) as task:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", task.url + "/role")
            async with opened(server.url, keys=(P256,)) as keys:
                key = await keys.get_key(new_call(), P256)
                server.faults["Sign"].append(fails("ExpiredTokenException"))
                await sign(keys, key)
                assert (server.signed, len(task.requests)) == (1, 2)
                server.always["Sign"] = fails("ExpiredTokenException")
                with pytest.raises(SignerError, match="refuses the proxy"):
                    await sign(keys, key)
        assert server.actions().count("Sign") == 4

    async def test_a_role_that_is_over_is_none(self, server: KMSServer, monkeypatch: pytest.MonkeyPatch) -> None:
        async with faulty_server(answers(role(-timedelta(hours=1)), content_type="application/json")) as task:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", task.url + "/role")
            async with opened(server.url) as keys:
                with pytest.raises(SignerError, match="no credentials"):
                    await keys.get_key(new_call(), RSA)
        assert server.asked == []


@pytest.mark.parametrize("state", ["Enabled", "Updating"])
def test_states_in_which_a_key_signs(state: str) -> None:
    assert state_failure(state) is None


def test_a_state_that_nobody_knows_is_none_to_sign_in() -> None:
    assert isinstance(state_failure("Novel"), SignerError)
