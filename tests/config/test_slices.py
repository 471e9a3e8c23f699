"""What a slice may say, and that nothing else reaches polars' SQL engine, which opens files."""

from __future__ import annotations

import polars as pl
import pytest

from gnn_search.config.slices import check_expression


@pytest.mark.parametrize(
    "text",
    [
        "words >= 3 AND repeat",
        "NOT (words BETWEEN 2 AND 4) or words not in (1, 2)",
        "category LIKE 'food%' OR category ILIKE '%''s' OR category IS NOT NULL",
        "product_price / 2 > -1.5e1 + words % 2 * 3 - 1",
        "CASE WHEN words > 1 THEN TRUE ELSE FALSE END",
        "starts_with(query, 'a') AND \"select\" <> 1 AND query || 'x' != COALESCE(category, '--')",
        "query_choices > AVG(query_choices) AND COUNT(*) > 1",
        "preis_größe = 1",
        "product_id IN (" + ", ".join(map(str, range(1000))) + ")",
        "words > 0" + " + 1" * 199,
    ],
)
def test_an_expression_over_columns(text):
    assert check_expression(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("words IN (SELECT a FROM read_csv('x'))", "an expression over the columns of one case, without SELECT"),
        ("/* ' */ words IN (SELECT a FROM read_csv('/etc/passwd')) /* ' */", r"'/\*' has no place in a slice"),
        ("words -- ' \n IN (SELECT a FROM read_csv('x')) -- '", "'--' has no place in a slice"),
        ("$$'$$ = query OR words IN (SELECT a FROM read_csv('x')) OR query = $$'$$", r"'\$\$' has no place in a slice"),
        ("words IN (TABLE secrets)", "without TABLE"),
        ("words IN (\u017felect a)", "without SELECT"),
        ("EXISTS (words)", "without EXISTS"),
        ("read_csv('x') = 1", "a slice can't call READ_CSV; the functions are ABS, AVG, "),
        ("\"read_csv\" ('x') = 1", r"an operator such as AND is missing before \("),
        ("CAST(words AS TEXT) = '1'", "a slice can't call CAST"),
        ("words 3", "an operator such as AND is missing before 3"),
        ("query = E'a'", "an operator such as AND is missing before 'a'"),
        ("query = `a`", "'`a' has no place in a slice"),
        ("main.words = 1", "'.w' has no place in a slice"),
        ("words = 1; DROP", "'; ' has no place in a slice"),
        ("query = 'a", '"\'a" has no place in a slice'),
        ("words >", "this is no SQL expression"),
        ("", "this is no SQL expression"),
        ("words > 0" + " + 1" * 20_000, "at most 10,000 letters, this one 80,009; make it shorter"),
        ("words > 0" + " + 1" * 200, "at most 200 operators and brackets, this one 201; make it simpler"),
        ("(" * 150 + "words > 1" + ")" * 150, "this is no SQL expression"),
    ],
)
def test_what_could_do_more_is_refused(text, message, monkeypatch):
    seen = []
    read = pl.sql_expr
    monkeypatch.setattr(pl, "sql_expr", lambda text: seen.append(text) or read(text))
    with pytest.raises(ValueError, match=message):
        check_expression(text)
    assert not seen or "no SQL expression" in message


def test_the_longest_expression_is_computed():
    table = pl.DataFrame({"words": [1, 2]})
    assert table.select(pl.sql_expr(check_expression("words > 0" + " + 1" * 199))).to_series().to_list() == [False, False]
