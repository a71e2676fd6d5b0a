"""Signs and time-stamps documents without letting them leave: only digests reach the signer."""

# Here and not in the distribution's metadata, so that `signproxy --version` need not search for that: it takes longer than Python.
__version__ = "0.1.0"
