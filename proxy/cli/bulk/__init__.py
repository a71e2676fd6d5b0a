"""Whole folders: one engine of runs that verify, sign or extend every file, and report on each in CSV.

``listing`` finds the files, ``progress_file`` keeps on disk what is before a run and behind it, ``report_file`` is the CSV,
and ``run`` has the files worked on, some at a time. No run holds more than a few files' worth of anything in memory, and one
that was killed goes on where it was.
"""
