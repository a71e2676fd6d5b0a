"""Requests to AWS are signed as its SDK signs them, and a large body is not digested on the event loop."""

import threading
from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from proxy.aws import authorization
from proxy.aws.authorization import AWSAuthorization
from proxy.call import Call, Deadline

ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "ap-northeast-1"
LARGE = bytes(1_000_000)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def new_call() -> Call:
    return Call("call", "client", "sign", datetime.now(UTC), Deadline.after(30))


@pytest.mark.parametrize("body", [b"", b"{}", LARGE], ids=["empty", "small", "large"])
@pytest.mark.parametrize(
    ("service", "scheme", "url"),
    [
        ("dynamodb", SigV4Auth, "https://dynamodb.ap-northeast-1.amazonaws.com/"),
        ("s3", S3SigV4Auth, "https://bucket.s3.ap-northeast-1.amazonaws.com/kept/a%20b//c?versionId=1"),
    ],
)
async def test_the_headers_are_those_of_the_sdk(service: str, scheme: type[SigV4Auth], url: str, body: bytes) -> None:
    signing = AWSAuthorization(service, REGION)
    made = await signing.headers(new_call(), url, body, {"X-Amz-Target": "Some.Action"}, method="PUT")
    await signing.close()
    # At the same moment, as it is in what is signed.
    expected = AWSRequest("PUT", url, headers={"X-Amz-Target": "Some.Action"}, data=body)
    expected.context["timestamp"] = made["X-Amz-Date"]
    theirs = scheme(Credentials(ACCESS, SECRET), service, REGION)
    theirs._modify_request_before_signing(expected)
    canonical = theirs.canonical_request(expected)
    signature = theirs.signature(theirs.string_to_sign(expected, canonical), expected)
    assert made["Authorization"].endswith(f"Signature={signature}")
    assert made.get("X-Amz-Content-SHA256") == expected.headers.get("X-Amz-Content-SHA256")


async def test_a_large_body_is_digested_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []
    digest = authorization._hex_digest

    def seen(body: bytes) -> str:
        threads.append(threading.current_thread() is threading.main_thread())
        return digest(body)

    monkeypatch.setattr(authorization, "_hex_digest", seen)
    signing = AWSAuthorization("s3", REGION)
    for body in (b"small", LARGE):
        await signing.headers(new_call(), "https://bucket.s3.ap-northeast-1.amazonaws.com/key", body, {}, method="PUT")
    await signing.close()
    assert threads == [True, False]
