"""Check for columns and relations without a time, which may come from any time."""

from __future__ import annotations

from collections.abc import Iterator

from gnn_search.audit.check import MOST_EXAMPLES, Check, Observation
from gnn_search.audit.shop import AuditedShop
from gnn_search.audit.stored_edges import REVERSE, event_relations, read_edges

_BY_NATURE = ("in", "child_of")
"""Relations of the category tree."""


def _relations(shop: AuditedShop) -> Iterator[Observation]:
    made = event_relations(shop)
    for edge_type, relation in shop.graph.relations.items():
        name = edge_type[1]
        if relation.timed or not relation.edges or edge_type in made or name in _BY_NATURE or name.startswith(REVERSE):
            continue
        edges = read_edges(shop, edge_type)
        yield Observation(
            severity="warning",
            count=relation.edges,
            meaning=f"The relation {'--'.join(edge_type)} has no time: it may come from after the start of the test period, so figures on "
            "this graph do not show what the shop could have known.",
            advice="Use the column as of before the cuts, or leave it out where figures must be trusted.",
            examples=edges.examples(shop),
        )


def _columns(shop: AuditedShop) -> Iterator[Observation]:
    tables = shop.manifest.recipe["tables"]
    users = (tables["users"] or {"attributes": []})["attributes"]
    columns = [("products", name) for name in (*tables["products"]["attributes"], *tables["products"]["numeric"])]
    columns += [("users", name) for name in users]
    if columns:
        yield Observation(
            severity="note",
            count=len(columns),
            meaning="Attributes have no time; they are as of when the tables were written.",
            advice="If the tables are newer than the cuts, make sure that no column depends on later events (counts, ratings, ranks).",
            examples=tuple({"table": table, "column": name} for table, name in columns[:MOST_EXAMPLES]),
        )


CHECKS = (
    Check("timeless-relations", "related-product columns and other edges without a time", _relations),
    Check("timeless-columns", "attributes without a time", _columns),
)
