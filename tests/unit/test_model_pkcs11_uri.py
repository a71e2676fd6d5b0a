"""PKCS #11 URIs as references: read strictly, by RFC 7512."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.pkcs11_uri import PKCS11URI


def test_a_key_by_everything_that_can_be_said_of_it() -> None:
    text = (
        "pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=a368fecdcad4101d;token=%E5%8D%B0;slot-id=12;"
        "id=%01%02a%fF;object=press:[1]@!$'()*+,=&;type=private"
    )
    assert PKCS11URI.of_key(text) == PKCS11URI(
        token="印",
        manufacturer="SoftHSM project",
        serial="a368fecdcad4101d",
        model="SoftHSM v2",
        slot_id=12,
        object_label="press:[1]@!$'()*+,=&",
        object_id=b"\x01\x02a\xff",
    )


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("pkcs11:object=a", PKCS11URI(object_label="a")),
        ("PKCS11:id=", PKCS11URI(object_id=b"")),
        ("pkcs11:object=;token=?", PKCS11URI(object_label="", token="")),
    ],
)
def test_small_ones(text: str, read: PKCS11URI) -> None:
    assert PKCS11URI.of_key(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "object=a",
        "pkcs11",
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:type=private",
        "pkcs11:object=a;type=public",
        "pkcs11:object=a;type=cert",
        "pkcs11:object=a;object=a",
        "pkcs11:object=a;",
        "pkcs11:;object=a",
        "pkcs11:object",
        "pkcs11:=a",
        "pkcs11:Object=a",
        "pkcs11:object=a b",
        "pkcs11:object=%",
        "pkcs11:object=%4",
        "pkcs11:object=%zz",
        "pkcs11:object=印",
        "pkcs11:object=%ff",
        "pkcs11:object=a/b",
        "pkcs11:object=a;slot-id=x",
        "pkcs11:object=a;slot-id=-1",
        "pkcs11:object=a;slot-id=",
        "pkcs11:object=a;library-version=3",
        "pkcs11:object=a;slot-description=b",
        "pkcs11:object=a;x-vendor=b",
        "pkcs11:object=a?pin-value=secret-1234",
        "pkcs11:object=a?pin-source=file:/etc/pin",
        "pkcs11:object=a?module-path=/lib/evil.so",
        "pkcs11:object=a?module-name=evil",
        "pkcs11:object=a?x-vendor=b",
        "pkcs11:object=a\n",
    ],
)
def test_everything_else_is_no_reference_to_a_key(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        PKCS11URI.of_key(text)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["pkcs11:object=a", "pkcs11:id=%01", "pkcs11:token=a;type=private", "pkcs11:token=a?pin-value=1"]
)
def test_a_token_is_named_without_objects(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        PKCS11URI.of_token(text)


def test_what_is_said_has_to_fit_and_what_is_not_said_always_does() -> None:
    token = PKCS11URI(token="hsm1", manufacturer="Marvell", serial="01", model="LS2", slot_id=3)
    for text in ("pkcs11:token=hsm1", "pkcs11:serial=01;slot-id=3", "pkcs11:manufacturer=Marvell;model=LS2"):
        assert PKCS11URI.of_token(text).fits(token)
    assert PKCS11URI().fits(token)
    for text in (
        "pkcs11:token=hsm",
        "pkcs11:serial=1",
        "pkcs11:slot-id=4",
        "pkcs11:model=",
        "pkcs11:token=hsm1;manufacturer=x",
    ):
        assert not PKCS11URI.of_token(text).fits(token)


@given(st.text(), st.binary())
def test_what_is_percent_encoded_comes_back(label: str, object_id: bytes) -> None:
    encoded = "".join(f"%{octet:02x}" for octet in label.encode("utf-8", "surrogatepass"))
    text = f"pkcs11:object={encoded};id={''.join(f'%{octet:02X}' for octet in object_id)}"
    try:
        label.encode("utf-8")
    except UnicodeEncodeError:
        with pytest.raises(ValueError, match="UTF-8"):
            PKCS11URI.of_key(text)
    else:
        assert PKCS11URI.of_key(text) == PKCS11URI(object_label=label, object_id=object_id)
