"""Signs and time-stamps documents without letting them leave: only digests reach the signer."""

# Not looked up in the distribution's metadata: that search takes longer than all else that `signproxy --version` does.
__version__ = "0.1.0"
