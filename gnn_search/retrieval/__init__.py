"""Answer requests: ranked products for any pair of user and query.

`Retriever` answers in memory, `retrieve` a file; `RankingOptions` say how; `RequestEncoder` encodes; `SearchResults` come out.
"""
