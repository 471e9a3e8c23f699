"""Known queries that are like a text: `KnownQueries` finds them, `Lenders` is what it finds."""
