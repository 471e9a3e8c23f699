"""One module for each kind of file that an export can hold."""
