"""Raw shop tables in: read, checked, renamed, with every row that can't be used reported."""
