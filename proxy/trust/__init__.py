"""Whom to believe: anchors, certification paths, revocation. Stands under signing, time-stamping and verification.

No URL is contacted but those of certificates that chain to an anchor already (:mod:`proxy.trust.network`).
"""
