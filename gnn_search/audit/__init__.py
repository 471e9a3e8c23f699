"""Check the stored bytes of graphs and models for leaks and faults that make offline figures wrong.

`audit` gives an `AuditReport` of every `Finding`; a `Check` looks at an `AuditedShop` or an `AuditedModel`.
"""
