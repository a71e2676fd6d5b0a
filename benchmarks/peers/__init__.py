"""The field: other programs that sign PDFs, on the same inputs with the same key."""
