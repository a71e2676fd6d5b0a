"""What several tests stand on: documents made byte by byte, keys and certificates."""
