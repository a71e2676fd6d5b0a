"""Damage and fuzzing of verification: whatever is done to a file, there is a verdict, and never a better one than it deserves.

``seeds/`` holds whole signed files and what proves them at the moment at which they are judged (``seeds.json``), made once by
:mod:`tests.fuzz.making`. ``regressions/`` holds inputs that once were judged wrongly.
"""
