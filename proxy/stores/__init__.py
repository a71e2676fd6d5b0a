"""What outlives a request: the transaction log, in SQLite."""
