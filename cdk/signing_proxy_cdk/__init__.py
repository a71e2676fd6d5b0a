"""CDK constructs of the hash-signing proxy, by logical unit; each can be used on its own."""
