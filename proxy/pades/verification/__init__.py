"""What is signed in a PDF, and what of it can be relied on, as far as the document says (engine process).

Stage ``examine``: every signature and document timestamp, wherever it is, with its CMS, its digests, what it covers and what
was changed after it. Certificates, times and trust are judged elsewhere (:mod:`proxy.validation`). In the order of the work:

``history`` (where each object was in each revision) → ``signatures`` (find them) → ``byte_ranges`` (what each covers) →
``inventory`` (what stands in the file) → ``agreement`` (do readers see the same) → ``changes`` (what came after) →
``digesting`` (one read for all).
"""
