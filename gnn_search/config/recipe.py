"""The graph recipe: which tables, which columns, which edges and which cuts in time make one shop's graph."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gnn_search.config.base import StrictModel
from gnn_search.config.files import find_yaml, read_yaml


class RelatedColumn(StrictModel):
    """A list column of related product ids, such as `also_bought`."""

    timeless: Literal[True] = Field(description="Such a column has no time; saying so is required, since it may tell of the test period.")


class ProductsTable(StrictModel):
    """Where the products lie and what their columns are called."""

    path: str = Field(description="File, folder or glob, relative to the data folder.")
    product_id: str = "product_id"
    title: str = "title"
    brand: str | None = None
    description: str | None = None
    category_path: str | None = Field(None, description="Column with the path from the top, a list or a string to be cut at `separator`.")
    category_id: str | None = Field(None, description="Column with the id of a row of the categories table.")
    separator: str = " > "
    attributes: tuple[str, ...] = Field((), description="Further columns to keep as categorical attributes.")
    numeric: tuple[str, ...] = Field((), description="Numeric columns to keep, such as price or rating.")
    related: dict[str, RelatedColumn] = Field(default_factory=dict, description="Related-product columns, by name.")

    @model_validator(mode="after")
    def _one_category_column(self) -> ProductsTable:
        if self.category_path is not None and self.category_id is not None:
            raise ValueError("give category_path or category_id, not both")
        return self


class CategoriesTable(StrictModel):
    """Where the category tree lies; without it the tree comes from `products.category_path`."""

    path: str
    category_id: str = "category_id"
    parent_id: str = "parent_id"
    name: str = "name"


class EventsTable(StrictModel):
    """Where the events lie and what their columns are called."""

    path: str
    user_id: str = "user_id"
    query: str = "query"
    product_id: str = "product_id"
    timestamp: str = "timestamp"
    action: str | None = Field(None, description="Column with the kind of action; without it every event has `default_action`.")
    default_action: str = "purchase"
    session_id: str | None = Field(None, description="Column with the session (basket); without it each event is a session of its own.")
    weight: str | None = None
    split: str | None = Field(None, description="Column that says train, validation or test; used with `split: {by: column}`.")
    clock: Literal["calendar", "order"] = Field(
        "calendar",
        description="What timestamps tell: when (calendar), or the order of events alone (order), which are then spread evenly in time.",
    )
    labels: tuple[str, ...] = Field((), description="Columns kept beside each event, to slice the evaluation by.")


class UsersTable(StrictModel):
    """Where the shoppers' own attributes lie."""

    path: str
    user_id: str = "user_id"
    attributes: tuple[str, ...] = ()


class Tables(StrictModel):
    """The raw tables."""

    products: ProductsTable
    events: EventsTable
    categories: CategoriesTable | None = None
    users: UsersTable | None = None


class BoughtWith(StrictModel):
    """How (product, bought_with, product) edges come from baskets.

    Counts are taken anew at `snapshots` moments, spread evenly over the training events and the last of them at the start of validation,
    and again at the start of test and after the last event; an edge carries the last moment that it counts, so that a view of the graph
    before t holds only what was known then.
    """

    by: Literal["session", "user"] = Field("session", description="What makes a basket: one session, or all that a user ever bought.")
    top: int = Field(50, ge=1, le=1000, description="Most partners kept a product.")
    min_count: int = Field(2, ge=1, description="Fewest baskets that a pair must share.")
    max_basket: int = Field(
        60, ge=2, description="In a basket, a product pairs with the others among this many that stand together in time."
    )
    snapshots: int = Field(4, ge=1, le=100, description="Moments up to the end of training at which partners are counted.")


class Edges(StrictModel):
    """Derived edges."""

    bought_with: BoughtWith | None = Field(default_factory=BoughtWith)


class SplitByTime(StrictModel):
    """Train, validation and test are three stretches of time. Moments are UTC."""

    by: Literal["time"]
    validation: datetime
    test: datetime

    @field_validator("validation", "test")
    @classmethod
    def _without_zone(cls, value: datetime) -> datetime:
        if value.tzinfo is not None:
            raise ValueError("give the moment in UTC without an offset")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> SplitByTime:
        if self.validation >= self.test:
            raise ValueError("validation must start before test")
        return self


class SplitByColumn(StrictModel):
    """The events' `split` column says train, validation or test."""

    by: Literal["column"]


class Recipe(StrictModel):
    """One shop's graph."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    description: str = ""
    tables: Tables
    edges: Edges = Field(default_factory=Edges)
    split: Annotated[SplitByTime | SplitByColumn, Field(discriminator="by")]
    max_reject_share: float = Field(0.01, ge=0, le=1, description="The build fails when a larger share of a table's rows can't be used.")

    @model_validator(mode="after")
    def _split_column_named(self) -> Recipe:
        if self.split.by == "column" and self.tables.events.split is None:
            raise ValueError("split by column needs tables.events.split to name the column")
        return self

    @classmethod
    def load(cls, name_or_path: str | Path) -> Recipe:
        """Read a recipe by the name of a shipped one or by path.

        Raises:
            ConfigError: It does not exist or is not right.
        """
        return read_yaml(find_yaml(str(name_or_path), "graphs"), cls)
