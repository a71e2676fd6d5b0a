"""The HTTP edge: requests become calls, calls become answers. It moves bytes and judges requests; what is done is below it."""
