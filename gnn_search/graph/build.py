"""Build a graph folder from raw tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnn_search.config.recipe import Recipe
from gnn_search.graph.hold_out import hold_out, write_held_out
from gnn_search.graph.judgements import place_judgements, write_judgements
from gnn_search.graph.lexical.synonyms import read_synonyms
from gnn_search.graph.node_tables import EventNodes, NodeTables, number_events, number_nodes
from gnn_search.graph.order_clock import spread_times
from gnn_search.graph.relations import Relation, make_relations
from gnn_search.graph.split import Cuts, cut_in_time, mark_measured, write_examples
from gnn_search.graph.store import Graph, GraphManifest, RelationInfo, graph_hash
from gnn_search.graph.windows import as_of_window
from gnn_search.layout import FORMAT_VERSION, GraphLayout, hash_files, refuse_existing, staged, write_json
from gnn_search.tables.load import ShopTables, load_shop_tables
from gnn_search.tables.scan import find_source


def build_graph(
    recipe: Recipe | str | Path, data: str | Path, out: str | Path, report: Callable[[str], None] = lambda stage: None, back: int = 0
) -> Graph:
    """Read the tables that a recipe names and write the graph folder.

    Args:
        recipe: The shop's recipe, the name of a shipped one, or a path.
        data: Folder of the raw tables.
        out: Folder to be made.
        report: Called with the name of each stage as it starts.
        back: Test lengths to go back: the graph as it would have been built then (see `as_of_window`).

    Raises:
        OutputExistsError: `out` exists.
        ConfigError: There is no such recipe, it is not right, or the split can't go back.
        TableError, TaxonomyError: The tables can't be used.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    data, out = Path(data), Path(out)
    refuse_existing(out)
    report("reading tables")
    tables = load_shop_tables(recipe, data)
    synonyms = None if recipe.synonyms is None else read_synonyms(data / recipe.synonyms)
    input_hash = hash_files(_source_files(recipe, data))
    report("numbering nodes")
    recipe, tables, cuts = _in_time(recipe, tables, back)
    nodes = number_nodes(recipe, tables)
    held = hold_out(recipe, replace(tables, events=mark_measured(recipe, tables.events, cuts)), cuts)
    tables = held.tables
    events = number_events(tables.events, nodes)
    with staged(out) as partial:
        layout = GraphLayout(partial)
        report("writing nodes and examples")
        (layout.root / "nodes").mkdir(parents=True)
        for node_type, table in nodes.tables.items():
            table.write_parquet(layout.nodes(node_type))
        num_examples = write_examples(layout, events, tables.events, cuts, recipe) | write_held_out(layout, held, nodes, recipe)
        if recipe.tables.judgements is not None:
            num_examples |= write_judgements(layout, tables, nodes, recipe.tables.judgements)
        tables.rejects.write_parquet(layout.rejects)
        if synonyms is not None:
            synonyms.write_parquet(layout.synonyms)
        nodes.taxonomy.save(layout.taxonomy)
        report("sorting edges")
        relations = [_write(layout, relation) for relation in make_relations(recipe, tables, nodes, events, cuts)]
        report("hashing")
        manifest = _manifest(recipe, tables, nodes, events, cuts, relations, num_examples, input_hash, partial)
        write_json(layout.manifest, manifest.model_dump(mode="json"))
    return Graph.open(out)


def _in_time(recipe: Recipe, tables: ShopTables, back: int) -> tuple[Recipe, ShopTables, Cuts]:
    """Give every event its time, those of the judgements among them, and find the cuts."""
    recipe, tables = as_of_window(recipe, tables, back)
    cuts = None
    if recipe.tables.events is not None:
        cuts = cut_in_time(recipe, tables.events)
        if recipe.tables.events.clock == "order":
            spread, (validation, test) = spread_times(tables.events, (cuts.validation, cuts.test))
            tables, cuts = replace(tables, events=spread), Cuts(validation, test)
    if recipe.tables.judgements is not None:
        tables, cuts = place_judgements(recipe.tables.judgements, tables, cuts)
    assert cuts is not None  # A recipe has events, judgements or both.
    return recipe, tables, cuts


def _source_files(recipe: Recipe, data: Path) -> list[Path]:
    tables = recipe.tables
    named = {
        "products": tables.products,
        "categories": tables.categories,
        "events": tables.events,
        "judgements": tables.judgements,
        "users": tables.users,
    }
    files = [file for name, table in named.items() if table is not None for file in find_source(name, table.path, data).files]
    return files if recipe.synonyms is None else [*files, data / recipe.synonyms]


def _write(layout: GraphLayout, relation: Relation) -> RelationInfo:
    relation.csr.save(layout.edges(*relation.edge_type))
    source, name, target = relation.edge_type
    csr = relation.csr
    return RelationInfo(
        source=source, relation=name, target=target, edges=csr.num_edges, timed=csr.time is not None, snapshots=relation.snapshots
    )


def _manifest(
    recipe: Recipe,
    tables: ShopTables,
    nodes: NodeTables,
    events: EventNodes,
    cuts: Cuts,
    relations: list[RelationInfo],
    num_examples: dict[str, int],
    input_hash: str,
    root: Path,
) -> GraphManifest:
    files = {file.relative_to(root).as_posix(): file.stat().st_size for file in sorted(root.rglob("*")) if file.is_file()}
    reasons = tables.rejects.group_by("table", "reason").len().sort("table", "reason")
    manifest = GraphManifest(
        format_version=FORMAT_VERSION,
        name=recipe.name,
        recipe=recipe.model_dump(mode="json"),
        num_nodes={node_type: table.height for node_type, table in nodes.tables.items()},
        relations=tuple(relations),
        actions=tuple(sorted(tables.events["action"].unique().to_list())),
        labels=tuple(recipe.tables.labels),
        num_examples=num_examples,
        time_first=int(events.time[0]),
        time_last=int(events.time[-1]),
        validation_start=cuts.validation,
        test_start=cuts.test,
        taxonomy_depth=int(nodes.taxonomy.depth.max()) + 1 if nodes.taxonomy.num_categories else 0,
        products_in_no_category=int(np.count_nonzero(nodes.taxonomy.product_category < 0)),
        rows_read=tables.rows_read,
        rejects={f"{table}: {reason}": count for table, reason, count in reasons.iter_rows()},
        input_hash=input_hash,
        hash="",
        files=files,
    )
    return manifest.model_copy(update={"hash": graph_hash(manifest, root)})
