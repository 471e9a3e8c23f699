"""The graph recipe: which tables, which columns, which edges and which cuts in time make one shop's graph."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, FiniteFloat, model_validator

from gnn_search.config.base import StrictModel
from gnn_search.config.files import NamedFile
from gnn_search.config.lexical import LexicalSettings
from gnn_search.config.slices import Slices
from gnn_search.layout import free_name

RelationName = Annotated[str, AfterValidator(free_name)]
"""What a recipe may call a relation."""
MEASURED = "measured"
"""Column of the stored examples that says which events are measured, where a split measures only some."""
JUDGEMENT_ACTION = "judged"
"""Action of the interactions that judgements make."""


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
    price: str | None = Field(
        None,
        description="Which numeric column is the price of one piece; times the events' weight, it is what was spent on an interaction.",
    )
    related: dict[RelationName, RelatedColumn] = Field(default_factory=dict, description="Related-product columns, by name.")

    @model_validator(mode="after")
    def _one_category_column(self) -> ProductsTable:
        if self.category_path is not None and self.category_id is not None:
            raise ValueError("give category_path or category_id, not both")
        return self

    @model_validator(mode="after")
    def _price_is_numeric(self) -> ProductsTable:
        if self.price is not None and self.price not in self.numeric:
            raise ValueError(f"the price column '{self.price}' is not among numeric {list(self.numeric)}; name it there too")
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
    user_id: str | None = Field("user_id", description="Column with the user; null where the log names none: all events are anonymous.")
    query: str = "query"
    product_id: str = "product_id"
    timestamp: str = "timestamp"
    action: str | None = Field(None, description="Column with the kind of action; without it every event has `default_action`.")
    default_action: RelationName = "purchase"
    session_id: str | None = Field(None, description="Column with the session (basket); without it each event is a session of its own.")
    weight: str | None = None
    split: str | None = Field(None, description="Column that says train, validation or test; used with `split: {by: column}`.")
    clock: Literal["calendar", "order"] = Field(
        "calendar",
        description="What timestamps tell: when (calendar), or the order of events alone (order), which are then spread evenly in time.",
    )
    labels: tuple[str, ...] = Field((), description="Columns kept beside each event, to slice the evaluation by.")


class JudgementsTable(StrictModel):
    """Where people's judgements of products for queries lie, and what they mean.

    They have neither users nor a time. A pair of the grade `relevant` or above becomes an anonymous interaction of the action `judged`; all
    of a query's pairs stand at one time of the query's own split, so no example sees another pair of its query.
    """

    path: str
    query: str = "query"
    product_id: str = "product_id"
    grade: str = Field(
        "grade", description="Column with how well the product answers the query, a number; of several rows of a pair, the mean."
    )
    split: str | None = Field(
        None,
        description="Column that says train, validation or test, the same for all of a query; else 80, 10 and 10 % of the queries.",
    )
    relevant: float = Field(
        allow_inf_nan=False, description="Least grade that counts as relevant: a positive in training, a hit in evaluation."
    )
    gains: dict[FiniteFloat, Annotated[FiniteFloat, Field(ge=0)]] = Field(
        default_factory=dict,
        description="What a grade is worth to NDCG and as the weight of an example; between two grades in proportion, beyond them as the "
        "outermost. By default a grade is worth itself.",
    )
    seed: int = Field(0, ge=0, description="Of the order of the queries in time and, without a `split` column, of their split.")

    @model_validator(mode="after")
    def _relevant_is_worth_something(self) -> JudgementsTable:
        if any(self.gains[low] > self.gains[high] for low, high in pairwise(sorted(self.gains))):
            raise ValueError(f"gains must not fall as grades rise, got {self.gains}")
        if self.gain(np.array([self.relevant]))[0] <= 0:
            raise ValueError(
                f"the grade {self.relevant:g} counts as relevant but is worth nothing; raise `relevant`, or give it a gain above 0"
            )
        return self

    def gain(self, grade: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return what grades are worth, never below 0.

        Shapes:
            - grade: [rows]
            - returns: float64 [rows]
        """
        if not self.gains:
            return np.maximum(np.asarray(grade, dtype=np.float64), 0.0)
        known = sorted(self.gains)
        return np.asarray(np.interp(grade, known, [self.gains[one] for one in known]), dtype=np.float64)


class UsersTable(StrictModel):
    """Where the users' own attributes lie."""

    path: str
    user_id: str = "user_id"
    attributes: tuple[str, ...] = ()


class Tables(StrictModel):
    """The raw tables."""

    products: ProductsTable
    events: EventsTable | None = None
    judgements: JudgementsTable | None = None
    categories: CategoriesTable | None = None
    users: UsersTable | None = None

    @model_validator(mode="after")
    def _something_to_learn_from(self) -> Tables:
        if self.events is None and self.judgements is None:
            raise ValueError("give events, judgements or both: there is nothing to learn from")
        return self

    @property
    def clock(self) -> Literal["calendar", "order"]:
        """What times tell; judgements alone have only the order that they were given."""
        return "order" if self.events is None else self.events.clock

    @property
    def labels(self) -> tuple[str, ...]:
        """Columns kept beside each event."""
        return () if self.events is None else self.events.labels

    @property
    def default_action(self) -> str:
        """The action of an event that names none."""
        return JUDGEMENT_ACTION if self.events is None else self.events.default_action


class BoughtWith(StrictModel):
    """How (product, bought_with, product) edges come from baskets.

    Counts are taken anew at `snapshots` times, spread evenly over the training events and the last of them at the start of validation,
    and again at the start of test and after the last event; an edge carries the last time at which it counts, so that a view of the graph
    before t holds only what was known then.
    """

    by: Literal["session", "user"] = Field("session", description="What makes a basket: one session, or all that a user ever bought.")
    top: int = Field(50, ge=1, le=1000, description="Most partners kept a product.")
    min_count: int = Field(2, ge=1, description="Fewest baskets that a pair must share.")
    max_basket: int = Field(
        60, ge=2, description="In a basket, a product pairs with the others among this many that stand together in time."
    )
    snapshots: int = Field(4, ge=1, le=100, description="Times up to the end of training at which partners are counted.")


class Edges(StrictModel):
    """Derived edges."""

    bought_with: BoughtWith | None = Field(default_factory=BoughtWith)


class HoldOut(StrictModel):
    """Users and products that are made new: what is known of a seeded share of them from before the test period is left out."""

    users: float = Field(0.0, ge=0, lt=1, description="Share of the users known before the test period.")
    products: float = Field(0.0, ge=0, lt=1, description="Share of the products with events before the test period.")
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _something(self) -> HoldOut:
        if not self.users and not self.products:
            raise ValueError("give users or products a share above 0, or leave hold_out away")
        return self


class _Split(StrictModel):
    """What every split may have beside its cuts."""

    hold_out: HoldOut | None = Field(None, description="Users and products made new, to measure cold start on more than a few.")


def _in_utc(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is not None:
        raise ValueError("give the time in UTC without an offset")
    return value


UtcTime = Annotated[datetime, AfterValidator(_in_utc)]


class SplitByTime(_Split):
    """Train, validation and test are three stretches of time. Times are UTC."""

    by: Literal["time"]
    validation: UtcTime
    test: UtcTime
    end: UtcTime | None = Field(None, description="Events from this time on are not read; by default the test period goes on to the last.")

    @model_validator(mode="after")
    def _in_order(self) -> SplitByTime:
        if self.validation >= self.test:
            raise ValueError("validation must start before test")
        if self.end is not None and self.test >= self.end:
            raise ValueError("test must start before end")
        return self


class SplitByColumn(_Split):
    """The events' `split` column says train, validation or test."""

    by: Literal["column"]


class SplitByLast(_Split):
    """Leave last out: of each user of whom the cut allows it, the last interaction is tested and the one before it validates.

    All cases of a period see the graph as of its start. So a user's last interaction can be tested only where that start lies between it
    and all earlier interactions of the user; of other users nothing is measured. Interactions of one session are one.
    """

    by: Literal["last"]
    validation: UtcTime | None = Field(None, description="Start of validation; by default the time that divides the most users.")
    test: UtcTime | None = Field(None, description="Start of test; by default the time that divides the most users.")

    @model_validator(mode="after")
    def _both_or_none(self) -> SplitByLast:
        if (self.validation is None) != (self.test is None):
            raise ValueError("give both validation and test, or neither")
        if self.validation is not None and self.test is not None and self.validation >= self.test:
            raise ValueError("validation must start before test")
        return self


class SplitByJudgements(_Split):
    """Each judged query is of one split, as the judgements say; for recipes without events."""

    by: Literal["judgements"]


class Recipe(NamedFile, LexicalSettings):
    """One shop's graph."""

    shipped_in: ClassVar[str] = "graphs"

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    description: str = ""
    tables: Tables
    edges: Edges = Field(default_factory=Edges)
    split: Annotated[SplitByTime | SplitByColumn | SplitByLast | SplitByJudgements, Field(discriminator="by")]
    slices: Slices = Field(default_factory=dict, description="Further parts of the cases to report: a name and an SQL expression each.")
    max_reject_share: float = Field(0.01, ge=0, le=1, description="The build fails when a larger share of a table's rows can't be used.")

    @model_validator(mode="after")
    def _split_fits_the_tables(self) -> Recipe:
        events = self.tables.events
        if self.split.by == "column" and (events is None or events.split is None):
            raise ValueError("split by column needs tables.events.split to name the column")
        if (self.split.by == "judgements") != (events is None):
            raise ValueError("a recipe without tables.events is split by judgements (split: {by: judgements}), one with events by them")
        return self

    @model_validator(mode="after")
    def _no_label_named_as_the_mark(self) -> Recipe:
        if MEASURED in self.tables.labels:
            raise ValueError(f"'{MEASURED}' can't be a label: the graph marks the measured events so; rename the column")
        return self
