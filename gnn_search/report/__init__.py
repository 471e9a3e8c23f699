"""Figures, tables and sentences of the report page, for readers who do not know the project: `make_report`, `render_report`."""
