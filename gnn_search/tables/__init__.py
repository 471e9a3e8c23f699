"""Raw shop tables in: read, checked, renamed, with every row that can't be used reported.

`load_shop_tables` reads a folder into `ShopTables`; `TableSource` and `Column` say where a column comes from and what it holds.
"""
