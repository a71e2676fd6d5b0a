"""RFC 3161 time-stamping: asking authorities for tokens, checking every token before it is used, falling over in order."""
