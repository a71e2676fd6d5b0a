"""Child processes of the service: started by exec, spoken to over a socket pair, killed at any moment, gone with their parent.

``child`` is the process as its parent sees it, ``messages`` what crosses the socket, ``inside`` what a child does first and how
it listens. What children are for is not known here: ``proxy.engine`` parses documents in them, ``proxy.signers.pkcs11`` has
each hold a session with a token.
"""
