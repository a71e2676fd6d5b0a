"""Keys on a PKCS #11 token (AWS CloudHSM, SoftHSM): raw signatures over digests, in processes that hold its sessions.

``keys`` is the backend (:class:`proxy.ports.KeyBackend`); ``mechanisms`` says what the token is handed for a digest and what
its answer means, ``failures`` what went wrong. ``pool`` and ``process`` have the token processes at work; those run
``worker``, ``token`` and ``objects``, the only modules that load PKCS #11. ``messages`` is what crosses between them.
"""
