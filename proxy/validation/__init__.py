"""Validation of signatures and timestamps by ETSI EN 319 102-1 V1.4.1: over what a document holds, never the document itself.

Stands between trust and the formats: ``proxy.pades`` and ``proxy.xades`` make :class:`proxy.model.ValidationInputs` of a
document; what comes out is a :class:`proxy.model.Judgement`.
"""
