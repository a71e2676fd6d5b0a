"""Where the keys are: one module a backend behind :class:`proxy.ports.SignerBackend`, one line each in the registry."""
