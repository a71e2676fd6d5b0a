"""The sandbox: a development CA with its responders, a time-stamping authority, a central signer and the proxy, on loopback.

Everything it starts is a process of its own that the proxy reaches by the production adapters; no module outside this package
and the command line knows that it exists. Nothing here is fit for keys that matter: they lie unencrypted in a folder.
"""
