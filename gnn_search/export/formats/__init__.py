"""One module for each kind of file that an export can hold: it has a `write_parquet` or the like, and some a `read_parquet`."""
