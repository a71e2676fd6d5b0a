"""Engine processes: where documents are parsed, so that a hostile one can neither hold the event loop nor take it down.

``pool`` and ``process`` run in the process that holds the requests, ``worker`` and ``confinement`` in the engine processes;
``wire`` is what crosses between them. What there is to do with a document is not known here: the pool is given the dotted
name of a module with ``TASKS``.
"""
