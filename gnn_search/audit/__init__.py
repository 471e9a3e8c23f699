"""Check the stored bytes of graphs and models for leaks and faults that make offline figures wrong."""
