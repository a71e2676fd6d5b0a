"""Which digests of the signed bytes a validation will compare: asked before a document is read, once for all of them."""

from asn1crypto import cms, tsp

from proxy.model import SignatureFormat

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
"""What asn1crypto raises on malformed input; it parses lazily, so any access may."""

_LEGACY = frozenset({SignatureFormat.PKCS7_SHA1, SignatureFormat.X509_RSA_SHA1})


def wanted_digests(form: SignatureFormat, contents: bytes) -> frozenset[str]:
    """The hash algorithms that a signed object names for the bytes it covers, by their names in ``hashlib``.

    Args:
        form: How the contents are to be read.
        contents: As :attr:`proxy.model.SignedObject.contents`.

    Returns:
        Empty where the contents cannot be read; what ``hashlib`` does not know is left out.
    """
    if form in _LEGACY:
        return frozenset({"sha1"})
    try:
        signed_data = cms.ContentInfo.load(contents)["content"]
        if form is SignatureFormat.RFC3161:
            info = tsp.TSTInfo.load(signed_data["encap_content_info"]["content"].contents)
            named = {info["message_imprint"]["hash_algorithm"]["algorithm"].native}
        else:
            named = {signer["digest_algorithm"]["algorithm"].native for signer in signed_data["signer_infos"]}
    except UNREADABLE:
        return frozenset()
    return frozenset(_KNOWN & named)


_KNOWN = {"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512"}
