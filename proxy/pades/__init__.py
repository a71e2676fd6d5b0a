"""PDF signatures by EN 319 142-1 (PAdES): prepare, assemble, embed, check.

Two sides: ``engine`` and ``cms`` run in the process that holds the request and never parse a document; ``tasks`` and what it
imports run in the engine processes and are the only place where pyHanko reads or writes a PDF.
"""
