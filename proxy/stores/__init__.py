"""What outlives a request: the transaction log, idempotency keys and registered certificates, in SQLite."""
