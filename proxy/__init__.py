"""Signs and time-stamps documents without letting them leave: only digests reach the signer."""
