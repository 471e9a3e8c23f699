"""Who asks what, with which past: requests from Python and from files, read by one parser into columns."""
