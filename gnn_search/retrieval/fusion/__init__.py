"""Make one list of the lists of several channels."""
