"""`python -m gnn_search` is the same as `gnn-search`."""

from __future__ import annotations

from gnn_search.cli.main import main

if __name__ == "__main__":
    main(prog_name="gnn-search")
