"""Products for Vespa: an application package, and a feed.

Source: the schema reference and the document JSON format, Vespa's documentation.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from gnn_search.errors import RequestError
from gnn_search.export.formats.json_lines import object_text, write_line_shards
from gnn_search.export.source import ExportSource

APPLICATION = "application"
SUFFIX = "jsonl"

_NO_IDS = ("", ".", "..")
"""Ids that are no part of a path."""

_CELLS = {"float32": "float", "int8": "int8"}

_SCHEMA = """schema product {{
    document product {{
        field product_id type {id_type} {{
            indexing: attribute | summary
        }}
        field title type string {{
            indexing: index | summary
            index: enable-bm25
        }}
        field brand type string {{
            indexing: attribute | summary
            match: cased
        }}
        field category_path type string {{
            indexing: attribute | summary
            match: cased
        }}
        field categories type array<string> {{
            indexing: attribute | summary
            attribute: fast-search
            match: cased
            dictionary: cased
        }}
        field vector type {tensor} {{
            indexing: attribute | index
            attribute {{
                distance-metric: dotproduct
            }}
            index {{
                hnsw {{
                    max-links-per-node: 16
                    neighbors-to-explore-at-insert: 200
                }}
            }}
        }}
    }}
    fieldset default {{
        fields: title
    }}
    rank-profile vector {{
        inputs {{
            query(request) {tensor}
        }}
        first-phase {{
            expression: closeness(field, vector)
        }}
    }}
    rank-profile vector_and_words inherits vector {{
        inputs {{
            query(words) double: 0.02
        }}
        first-phase {{
            expression: closeness(field, vector) + query(words) * bm25(title)
        }}
    }}
}}
"""

_SERVICES = """<?xml version="1.0" encoding="utf-8"?>
<services version="1.0">
  <container id="default" version="1.0">
    <search/>
    <document-api/>
    <nodes>
      <node hostalias="node1"/>
    </nodes>
  </container>
  <content id="products" version="1.0">
    <min-redundancy>1</min-redundancy>
    <documents>
      <document type="product" mode="index"/>
    </documents>
    <nodes>
      <node hostalias="node1" distribution-key="0"/>
    </nodes>
  </content>
</services>
"""


def write_vespa(source: ExportSource, folder: Path) -> None:
    """Write `application/`, ready to be deployed on one node, and `product-NNNNN.jsonl`, one put a line.

    Raises:
        RequestError: An id is one that a document can't have.
    """
    ids = source.products.keys.to_series(0)
    refused = ids.filter(ids.cast(pl.String).is_in(_NO_IDS))
    if len(refused):
        raise RequestError(f"Vespa has no documents with the id {refused[0]!r}, which is a product's; give the product another one")
    schemas = folder / APPLICATION / "schemas"
    schemas.mkdir(parents=True)
    tensor = f"tensor<{_CELLS[source.storage.dtype]}>(x[{source.dimension}])"
    schema = _SCHEMA.format(id_type="string" if ids.dtype == pl.String else "long", tensor=tensor)
    (schemas / "product.sd").write_text(schema, encoding="utf-8")
    (folder / APPLICATION / "services.xml").write_text(_SERVICES, encoding="utf-8")
    space = re.sub(r"[^A-Za-z0-9_-]", "_", source.model.graph.manifest.name)

    def lines(documents: pl.DataFrame) -> pl.Series:
        put = documents.select(put=f"id:{space}:product::" + pl.col("product_id").cast(pl.String))
        return object_text(put).str.strip_suffix("}") + ',"fields":' + object_text(documents) + "}"

    write_line_shards(source, folder, SUFFIX, lines)
