"""Find the kind and the settings of an index that serve best under a cap on latency and memory."""
