"""proxy.signers.pkcs11 on a real token: SoftHSM's, whose processes are killed and stopped, and whose token goes and comes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from proxy.errors import InvalidParameter, KeyNotFound, NotSupported, SettingsError, SignerError, SignerUnavailable
from proxy.model import Digest, HashAlgorithm, HeldKey, KeyAlgorithm, SignAlgorithm
from proxy.settings import PKCS11Settings
from proxy.signers.pkcs11.keys import PKCS11Keys
from proxy.signers.verification import HASHES, rsa_padding
from proxy.trust.certificates import public_key_info
from tests.support.keys import PrivateKey, ec_key, rsa_key, self_signed
from tests.support.openssl_judge import Judge
from tests.support.pki import FixedClock, new_call
from tests.support.softhsm import PIN, SoftHSM, is_installed

DIGEST = Digest.of(b"one", HashAlgorithm.SHA256)
SECONDS = 60.0

Opened = Callable[..., Awaitable[PKCS11Keys]]


def info(key: PrivateKey) -> bytes:
    """DER of a key's SubjectPublicKeyInfo."""
    return public_key_info(self_signed(key))


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftHSM:
    """One token with a key."""
    if not is_installed():
        pytest.skip("SoftHSM is not there: install softhsm2")
    made = SoftHSM.make(tmp_path / "hsm")
    made.add_token("seals")
    made.add_key("seals", ec_key(), "press", b"\x01")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
async def opened(hsm: SoftHSM) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:

        async def make(clock: FixedClock | None = None, **settings: object) -> PKCS11Keys:
            keys = PKCS11Keys(PKCS11Settings.model_validate(hsm.settings(**settings)), clock or FixedClock())
            stack.push_async_callback(keys.close)
            await keys.start()
            return keys

        yield make


async def sign(keys: PKCS11Keys, key: HeldKey) -> bytes:
    (value,) = await keys.sign(new_call(SECONDS), key, key.sign_algorithms[0], [DIGEST])
    return value


async def complete(keys: PKCS11Keys, processes: int, *gone: int) -> None:
    """Wait until so many have the token open, none of them one of those."""
    async with asyncio.timeout(SECONDS):
        while len(keys.pids) != processes or keys.pids & set(gone):  # noqa: ASYNC110 - nobody else needs to know
            await asyncio.sleep(0.01)


class TestProcesses:
    async def test_a_thousand_signatures_while_processes_are_killed(self, hsm: SoftHSM, opened: Opened, tmp_path: Path) -> None:
        hsm.add_key("seals", rsa_key(2048), "annual", b"\x02")
        keys = await opened()
        await complete(keys, 2)
        both = [await keys.get_key(new_call(), f"pkcs11:object={label}") for label in ("press", "annual")]
        killed, made = 0, list[tuple[HeldKey, Digest, bytes]]()
        numbers = iter(range(1000))

        async def request() -> None:
            nonlocal killed
            for number in numbers:
                key, digest = both[number % 2], Digest.of(number.to_bytes(2), HashAlgorithm.SHA256)
                (value,) = await keys.sign(new_call(SECONDS), key, key.sign_algorithms[0], [digest])
                made.append((key, digest, value))
                if len(made) % 100 == 50:
                    # One of the two that there may be, or at times both.
                    for pid in sorted(keys.pids)[: 1 + len(made) % 300 // 200]:
                        os.kill(pid, signal.SIGKILL)
                        killed += 1

        before = keys.pids
        await asyncio.gather(*(request() for _ in range(32)))
        await complete(keys, 2, *before)
        assert len(made) == 1000
        assert killed >= 10
        _assert_right(made)
        judge = Judge(tmp_path)
        for key, digest, value in made[::100]:
            assert judge.accepts(key.public_key, key.sign_algorithms[0], digest, value)
        assert await sign(keys, both[0])

    async def test_a_process_that_is_stopped_costs_its_request_and_no_other(self, opened: Opened) -> None:
        keys = await opened(timeout_seconds=1.0)
        await complete(keys, 2)
        key = await keys.get_key(new_call(), "pkcs11:object=press")
        stopped = min(keys.pids)
        os.kill(stopped, signal.SIGSTOP)
        outcomes = await asyncio.gather(*(sign(keys, key) for _ in range(8)), return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert [type(outcome) for outcome in failed] == [SignerUnavailable]
        await complete(keys, 2, stopped)
        assert await sign(keys, key)


class TestPins:
    async def test_a_wrong_pin_keeps_the_service_from_starting(self, hsm: SoftHSM, opened: Opened) -> None:
        hsm.settings()
        hsm.pin_file.write_text("wrong-1234", encoding="utf-8")
        with pytest.raises(SettingsError, match="refuses the PIN"):
            await opened()

    async def test_a_pin_that_changes_on_the_token_and_then_in_its_secret(self, hsm: SoftHSM, opened: Opened) -> None:
        keys = await opened(processes=1)
        key = await keys.get_key(new_call(), "pkcs11:object=press")
        hsm.run(f"session.set_pin({PIN!r}, 'user:changed')", "seals")
        assert await sign(keys, key)
        (pid,) = keys.pids
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(SignerError, match="refuses the PIN"):
            await sign(keys, key)
        hsm.pin_file.write_text("user:changed", encoding="utf-8")
        await complete(keys, 1, pid)
        assert await sign(keys, key)


class TestTokens:
    async def test_a_module_that_is_none(self, opened: Opened, tmp_path: Path) -> None:
        (tmp_path / "module.so").write_bytes(b"nothing")
        with pytest.raises(SettingsError, match="module cannot be loaded"):
            await opened(module=tmp_path / "module.so")

    async def test_tokens_are_told_apart(self, hsm: SoftHSM, opened: Opened) -> None:
        hsm.add_token("other")
        serial = hsm.run("print(session.token.serial.decode())", "seals").strip()
        with pytest.raises(SettingsError, match="several tokens"):
            await opened()
        for token in ("seals", "pkcs11:token=seals", f"pkcs11:serial={serial};model=SoftHSM%20v2"):
            keys = await opened(token=token, processes=1)
            assert len(await keys.list_keys(new_call())) == 1
            await keys.get_key(new_call(), f"pkcs11:serial={serial};object=press;type=private")
            with pytest.raises(KeyNotFound):
                await keys.get_key(new_call(), "pkcs11:token=other;object=press")

    async def test_a_token_that_goes_and_comes_again(self, hsm: SoftHSM, opened: Opened) -> None:
        keys = await opened()
        await complete(keys, 2)
        key = await keys.get_key(new_call(), "pkcs11:object=press")
        await keys.check(new_call())
        hsm.take_token()
        with pytest.raises(SignerUnavailable):
            await sign(keys, key)
        with pytest.raises(SignerUnavailable):
            await keys.check(new_call())
        hsm.bring_token()
        await complete(keys, 2)
        assert await sign(keys, key)

    async def test_a_token_that_is_not_there_at_the_start(self, hsm: SoftHSM, opened: Opened) -> None:
        hsm.take_token()
        keys = await opened(processes=1)
        with pytest.raises(SignerUnavailable, match="not there"):
            await keys.list_keys(new_call())
        hsm.bring_token()
        await complete(keys, 1)
        assert await keys.list_keys(new_call())

    async def test_a_token_without_keys_is_of_no_use_unless_they_are_made_there(self, hsm: SoftHSM, opened: Opened) -> None:
        hsm.add_token("empty")
        keys = await opened(token="empty", processes=1)
        assert await keys.list_keys(new_call()) == ()
        with pytest.raises(SignerError, match="no private key"):
            await keys.check(new_call())
        await (await opened(token="empty", processes=1, create_keys=True)).check(new_call())


class TestKeys:
    async def test_public_keys_are_found_wherever_they_are(self, hsm: SoftHSM, opened: Opened) -> None:
        hsm.add_key("seals", rsa_key(2048), "on itself", b"\x02", public=False)
        hsm.add_key("seals", ec_key("secp384r1"), "by certificate", b"\x03", public=False)
        certificate = self_signed(ec_key("secp384r1"))
        attributes = "Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.CERTIFICATE_TYPE: CertificateType.X_509"
        attributes += (
            f", Attribute.TOKEN: True, Attribute.ID: b'\\3', Attribute.VALUE: {certificate!r}, Attribute.SUBJECT: b'0\\0'"
        )
        hsm.run(f"session.create_object({{{attributes}}})", "seals")
        keys = await opened(processes=1)
        expected: dict[str, PrivateKey] = {
            "press": ec_key(),
            "on%20itself": rsa_key(2048),
            "by%20certificate": ec_key("secp384r1"),
        }
        for label, key in expected.items():
            assert (await keys.get_key(new_call(), f"pkcs11:object={label}")).public_key == info(key)
        assert len(await keys.list_keys(new_call())) == 3

    async def test_keys_that_cannot_be_used_are_left_out(self, hsm: SoftHSM, opened: Opened) -> None:
        hsm.add_key("seals", ec_key("secp384r1"), "no public key", b"\x02", public=False)
        hsm.add_key("seals", ec_key("secp521r1"), "two public keys", b"\x03")
        hsm.add_key("seals", ec_key("secp384r1"), "two public keys", b"\x03")
        hsm.run(
            """
            session.generate_keypair(KeyType.RSA, 1024, store=True, label="small", id=b"s")
            session.generate_keypair(KeyType.RSA, 2048, store=True, label="for decryption", id=b"d",
                                     private_template={Attribute.SIGN: False})
            session.generate_keypair(KeyType.RSA, 2048, store=True, label="asks each time", id=b"a",
                                     private_template={Attribute.ALWAYS_AUTHENTICATE: True})
            from pkcs11.util.ec import encode_named_curve_parameters
            curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256k1")}
            session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(store=True, label="odd", id=b"o")
            """,
            "seals",
        )
        keys = await opened(processes=1)
        assert [key.public_key for key in await keys.list_keys(new_call())] == [info(ec_key())]
        for label in ("no%20public%20key", "two%20public%20keys", "for%20decryption", "asks%20each%20time"):
            with pytest.raises(KeyNotFound):
                await keys.get_key(new_call(), f"pkcs11:object={label}")

    async def test_a_reference_that_several_keys_fit(self, hsm: SoftHSM, opened: Opened) -> None:
        hsm.add_key("seals", ec_key("secp384r1"), "press", b"\x02")
        keys = await opened(processes=1)
        with pytest.raises(SignerError, match="several keys"):
            await keys.get_key(new_call(), "pkcs11:object=press")
        assert (await keys.get_key(new_call(), "pkcs11:object=press;id=%02")).public_key == info(ec_key("secp384r1"))

    async def test_a_key_that_is_deleted(self, hsm: SoftHSM, opened: Opened) -> None:
        keys = await opened(processes=1)
        key = await keys.get_key(new_call(), "pkcs11:object=press")
        assert await sign(keys, key)
        hsm.run("for one in list(session.get_objects({Attribute.ID: b'\\1'})): one.destroy()", "seals")
        for _ in range(2):
            with pytest.raises(KeyNotFound):
                await sign(keys, key)


class TestCreation:
    @pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_2048, KeyAlgorithm.P_521])
    async def test_a_new_key_signs_stays_on_the_token_and_does_nothing_else(
        self, hsm: SoftHSM, opened: Opened, algorithm: KeyAlgorithm
    ) -> None:
        keys = await opened(processes=1, create_keys=True)
        made = await keys.create_key(new_call(SECONDS), algorithm, "印影 2026")
        public = load_der_public_key(made.public_key)
        assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        assert public.key_size == int(algorithm.value.rpartition("-")[2])
        assert await keys.get_key(new_call(), "pkcs11:object=%E5%8D%B0%E5%BD%B1%202026") == made
        assert await sign(keys, made)
        printed = hsm.run(
            """
            (key,) = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: "印影 2026"})
            on = ("TOKEN", "PRIVATE", "SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "LOCAL", "SIGN")
            off = ("EXTRACTABLE", "DECRYPT", "UNWRAP", "DERIVE")
            print([key[Attribute[name]] for name in on], [key[Attribute[name]] for name in off])
            """,
            "seals",
        )
        assert printed.split("] ")[0].count("True") == 7
        assert printed.split("] ")[1].count("False") == 4

    async def test_without_permission_none_is_made(self, opened: Opened) -> None:
        keys = await opened(processes=1)
        with pytest.raises(NotSupported):
            await keys.create_key(new_call(), KeyAlgorithm.P_256, "new")

    async def test_labels_that_are_none(self, opened: Opened) -> None:
        keys = await opened(processes=1, create_keys=True)
        for label in ("", "x" * 101, "a\nb", "a\0"):
            with pytest.raises(InvalidParameter):
                await keys.create_key(new_call(), KeyAlgorithm.P_256, label)

    async def test_two_at_once_with_one_label_are_one(self, opened: Opened) -> None:
        keys = await opened(create_keys=True)
        await complete(keys, 2)
        making = (keys.create_key(new_call(SECONDS), KeyAlgorithm.P_256, "new") for _ in range(2))
        outcomes = await asyncio.gather(*making, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["HeldKey", "InvalidParameter"]


def _assert_right(made: list[tuple[HeldKey, Digest, bytes]]) -> None:
    """Each value by cryptography, which has nothing to do with the token."""
    for key, digest, value in made:
        public = load_der_public_key(key.public_key)
        prehashed = Prehashed(HASHES[digest.algorithm])
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(value, digest.value, rsa_padding(SignAlgorithm.RSASSA_PKCS1_V1_5, digest.algorithm), prehashed)
        else:
            assert isinstance(public, ec.EllipticCurvePublicKey)
            public.verify(value, digest.value, ec.ECDSA(prehashed))
