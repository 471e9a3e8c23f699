"""The words of a shop: `Analyser` reads texts, `LexicalIndex` finds products by them, `read_synonyms` reads what means the same."""
