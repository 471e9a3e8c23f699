"""The training configuration: one model per part, each switchable."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gnn_search.config.base import LEAST_HALF_LIFE_DAYS, Settings
from gnn_search.config.files import NamedFile
from gnn_search.config.negatives import SHARED_KINDS, HardNegatives, InBatch, Mask, Negatives, ScheduleSettings, SharedNegatives, Taxonomic


class StaticFiles(Settings):
    """The two files of a static model that lie in no folder of a known form."""

    tokenizer: str = Field(min_length=1, description="Tokenizer as JSON of the tokenizers library: a path, or package:path.")
    table: str = Field(min_length=1, description="safetensors file with one vector a token: a path, or package:path.")


GENERAL_MODEL = StaticFiles(
    tokenizer="wordllama:tokenizers/l2_supercat_tokenizer_config.json", table="wordllama:weights/l2_supercat_256.safetensors"
)
"""A general model of English words that comes with gnn-search: 32,000 tokens of 256 numbers, learned from large language models' tokens."""


class PretrainSettings(Settings):
    """Pre-training: the text tower alone learns to bring queries near the texts of the products of their interactions."""

    epochs: int = Field(0, ge=0, le=1000, description="Passes over the distinct (query, product) pairs of the training period (0 = off).")
    batch_size: int = Field(1024, ge=2, description="Pairs a step; the products of the others are each one's negatives.")
    learning_rate: float = Field(5e-3, gt=0, le=1, description="Of all weights but a transformer's, at its height.")


TextPart = Literal["static", "terms", "transformer"]


class TextSettings(Settings):
    """The text tower: the sum of its parts.

    `static`: tokens of a subword tokenizer, one vector each, and a projection. `terms`: words and their character n-grams, hashed, one
    vector each. `transformer`: a sentence-transformers model and a learned projection.
    """

    parts: tuple[TextPart, ...] = Field(("static", "terms"), min_length=1, description="What encodes texts.")
    start: str | StaticFiles | None = Field(
        GENERAL_MODEL,
        description="static: a model whose tokens are taken as they are, while their projection learns: two files, or the folder of a "
        "Model2Vec or StaticEmbedding model, as paths or as package:path inside an installed Python package. null: a tokenizer and tokens "
        "are trained on the shop's own text, which suits a language that the general English model does not know.",
    )
    vocabulary: int = Field(8000, ge=100, le=1_000_000, description="static: most tokens of a tokenizer trained on the shop's text.")
    buckets: int = Field(65_536, ge=256, le=1 << 27, description="terms: numbers that words and n-grams are hashed to.")
    grams: tuple[Annotated[int, Field(ge=1, le=8)], ...] = Field(
        (3, 4), max_length=6, description="terms: lengths of the n-grams; 2 and 3 suit a language without spaces."
    )
    transformer: str | None = Field(
        None, description="transformer: the folder of a sentence-transformers model, as a path or as package:path."
    )
    frozen: bool = Field(True, description="Whether the transformer stays as it is; one that learns is some hundred times slower to train.")
    max_tokens: int = Field(32, ge=1, le=512, description="Tokens of a text that count, for static and transformer.")
    pretrain: PretrainSettings = Field(default_factory=PretrainSettings)

    @model_validator(mode="after")
    def _parts_fit(self) -> TextSettings:
        if len(set(self.parts)) != len(self.parts):
            raise ValueError("each part may stand once in parts")
        if "transformer" in self.parts and self.transformer is None:
            raise ValueError("the part transformer needs transformer, the folder of a sentence-transformers model")
        if "transformer" not in self.parts and self.transformer is not None:
            raise ValueError("transformer is given, and parts does not name it; add it to parts, or leave transformer out")
        return self


class AugmentationSettings(Settings):
    """What is taught beside the log's own queries, so that the model learns words and not copies."""

    pseudo_queries: float = Field(
        1.0,
        ge=0,
        le=4,
        description="Pseudo-queries a step, as a share of the batch: a few words of a product's text, which ask for the product (0 = off).",
    )
    noise: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Share of a batch's queries that are taught as unknown ones with noise: a typo, plural for singular, a word left out.",
    )
    typos: float = Field(0.1, ge=0, le=1, description="Share of the pseudo-queries with a typo or plural for singular.")
    held_out_queries: float = Field(
        0.08,
        ge=0,
        le=0.5,
        description="Share of the queries that the vectors are not taught, on which the reranker learns what to trust when a query is new.",
    )


class ProductSettings(Settings):
    """The product tower."""

    text: bool = Field(True, description="Title and brand through the text tower.")
    category: bool = Field(True, description="Category path, averaged over the ancestors.")
    numeric: bool = Field(True, description="Numeric columns of the catalogue, such as price, cut into buckets of equal size.")
    numeric_buckets: int = Field(
        16,
        ge=2,
        le=1024,
        description="Buckets a numeric column; their borders come from the products with an interaction in the training period.",
    )
    attributes: bool = Field(True, description="Attribute columns of the catalogue, one vector a value.")
    brand: bool = Field(False, description="One vector a brand, beside the brand's name in the text.")
    id_embedding: bool = Field(True, description="An ID embedding for each product.")
    cold_start_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Share of the products without an earlier interaction that are trained as new, without ID embedding.",
    )
    queries: int = Field(8, ge=0, le=256, description="Graph layer: latest queries of the product's interactions (0 = off).")
    bought_with: int = Field(8, ge=0, le=256, description="Graph layer: products bought with it (0 = off).")
    related: int = Field(
        8, ge=0, le=256, description="Graph layer: first products of each related-product column; these have no time (0 = off)."
    )
    degree: bool = Field(True, description="Graph layer: how many interactions the product has, which a mean of neighbours does not show.")
    half_life_days: float | None = Field(
        None, ge=LEAST_HALF_LIFE_DAYS, description="Age at which a query of the product counts half; null: age does not matter."
    )
    pool: int = Field(4, ge=1, le=64, description="In training, neighbours are drawn from this many times the fan-out.")


class QuerySettings(Settings):
    """The query tower."""

    id_embedding: bool = Field(True, description="An ID embedding for each known query.")
    products: int = Field(16, ge=0, le=256, description="Graph layer: latest products of the query's interactions (0 = off).")
    half_life_days: float | None = Field(
        None, ge=LEAST_HALF_LIFE_DAYS, description="Age at which a product of the query counts half; null: age does not matter."
    )
    known_dropout: float = Field(
        0.3, ge=0, lt=1, description="Share of the queries of a batch treated as unknown, so that new queries work."
    )


class UserSettings(Settings):
    """The user tower, and the attention over the history in the query's categories."""

    sequence_length: int = Field(20, ge=0, le=1000, description="Latest interactions that make the user's vector (0 = off).")
    by_action: bool = Field(
        True, description="One sequence of latest interactions, with weights of its own, for each kind of action, instead of one for all."
    )
    half_life_days: float = Field(30.0, ge=LEAST_HALF_LIFE_DAYS, description="Age at which an interaction counts half.")
    brands: bool = Field(False, description="Brands of the user's profile, with the products' vectors of them; needs product.brand.")
    profile_length: int = Field(
        64, ge=1, le=10_000, description="Interactions, spread evenly over the whole past, that make the user's profile."
    )
    attributes: bool = Field(True, description="Demographics of the users table.")
    attention_length: int = Field(
        24, ge=0, le=1000, description="Most distinct products of the history in the query's categories that are attended over (0 = off)."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of a batch's examples trained without their user, so that anonymous requests work."
    )
    query_categories: int = Field(64, ge=1, le=10_000, description="Most categories of a query by which the history is selected.")


class SharedAttribute(Settings):
    """An attribute that users and products both have, such as where they are: one vector a value for both.

    Several levels, coarse to fine, are summed, so that a place of which little is known is close to its region.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="Of the attribute, such as location.")
    user: tuple[str, ...] = Field(min_length=1, description="Attribute columns of the users table, coarse to fine.")
    product: tuple[str, ...] = Field(min_length=1, description="Attribute columns of the products table at the same levels.")

    @model_validator(mode="after")
    def _as_many_levels(self) -> SharedAttribute:
        if len(self.user) != len(self.product):
            raise ValueError(f"give as many user columns as product columns ({len(self.user)} and {len(self.product)}), level by level")
        return self


class LossSettings(Settings):
    """Sampled softmax over the cosine divided by a learned temperature, or a hinge on the cosine itself with thresholds."""

    kind: Literal["softmax", "hinge"] = "softmax"
    temperature: float = Field(0.06, gt=0, le=1, description="softmax: temperature at the start.")
    mask: Mask = Field("user_query", description="Which known positives are never used as negatives.")
    thresholds: dict[str, Annotated[float, Field(gt=-1, lt=1)] | Literal["learned"]] = Field(
        default_factory=dict,
        description="hinge: the cosine above which a product answers a query, by action kind; those not named are learned.",
    )
    margin: float = Field(
        0.1, gt=0, le=1, description="hinge: how far above its threshold a positive and below it a negative should score."
    )


class RerankerSettings(Settings):
    """The reranker: scores candidates by their interactions with user and query in the graph, fitted on the validation period."""

    enabled: bool = Field(True, description="Score candidates by their interactions in the graph, beside the vectors.")
    products: int = Field(150, ge=1, le=10_000, description="Most products that a query leads to.")
    recent_length: int = Field(20, ge=0, le=1000, description="Latest interactions whose partners are candidates (0 = none).")
    words: int = Field(100, ge=0, le=10_000, description="Most products that a query's words match (0 = none).")
    nearest: int = Field(100, ge=0, le=10_000, description="Nearest products by vector that are candidates too.")
    half_life_days: tuple[float, ...] = Field(
        (7.0, 30.0, 90.0, 365.0),
        min_length=1,
        max_length=8,
        description="Ages at which an interaction counts half, ascending; one feature each.",
    )
    factors: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(
        (16, 64),
        max_length=4,
        description="Ranks of the factorised user-product matrix, ascending; two features each (none = off).",
    )
    hidden: int = Field(48, ge=1, le=1024, description="Width of the scorer's hidden layer.")
    cases: int = Field(24_000, ge=1, description="Most validation cases that it is fitted on.")
    epochs: int = Field(8, ge=1, description="Passes over them.")
    least_steps: int = Field(150, ge=1, description="Steps at least, where cases are few: as many further passes as that takes.")
    batch_size: int = Field(256, ge=1, description="Cases a step.")
    learning_rate: float = Field(5e-3, gt=0, le=1, description="Of all weights, at its height.")
    user_dropout: float = Field(0.15, ge=0, lt=1, description="Share of the cases fitted without their user.")
    cold_query_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Cases fitted again as cold queries, without interactions, as they are and with noise, at most this share of all.",
    )
    new_query_share: float = Field(
        0.3, ge=0, lt=1, description="Share of the fit that cases of new and cold queries have, each fitted up to 20 times a pass."
    )

    @model_validator(mode="after")
    def _half_lives_ascend(self) -> RerankerSettings:
        if min(self.half_life_days) < LEAST_HALF_LIFE_DAYS or list(self.half_life_days) != sorted(set(self.half_life_days)):
            raise ValueError(f"half_life_days must be at least {LEAST_HALF_LIFE_DAYS:g} and ascend")
        return self

    @model_validator(mode="after")
    def _factors_ascend(self) -> RerankerSettings:
        if list(self.factors) != sorted(set(self.factors)):
            raise ValueError("factors must ascend")
        return self


class OptimiserSettings(Settings):
    """AdamW for dense weights, sparse Adam for ID embeddings."""

    learning_rate: float = Field(2e-3, gt=0, le=1, description="Of the dense weights, at its height.")
    table_learning_rate: float = Field(5e-3, gt=0, le=1, description="Of tokens and embeddings, at its height.")
    transformer_learning_rate: float = Field(2e-5, gt=0, le=1, description="Of a transformer that learns, at its height.")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="Decoupled from the gradient.")
    warmup: float = Field(
        0.03, ge=0, lt=1, description="Share of the steps over which the rates rise; afterwards they fall along a cosine."
    )


class LoopSettings(Settings):
    """The training loop."""

    epochs: float = Field(1.0, gt=0, description="Passes over the training examples.")
    least_steps: int = Field(
        600, ge=1, description="Steps at least, for a small log: as many further passes as that takes, until `patience` ends them."
    )
    batch_size: int = Field(2048, ge=2, description="Examples a step.")
    window_days: float = Field(
        7.0, ge=0.01, le=36_500, description="A batch comes from one window of time and sees the graph before the window's start."
    )
    validate_every: int = Field(100, ge=1, description="Steps between validations; a checkpoint is written at each.")
    validation_cases: int = Field(2000, ge=1, description="Validation cases scored, over the full catalogue.")
    patience: int = Field(4, ge=1, description="Validations without a better Recall@10 after which training stops.")
    refresh_every: int = Field(100, ge=1, description="Steps after which the stored product vectors are computed anew.")


class TrainingConfig(Settings, NamedFile):
    """One experiment."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    seed: int = Field(0, ge=0, lt=2**32)
    dimension: int = Field(128, ge=4, le=4096, description="Of every vector.")
    text: TextSettings = Field(default_factory=TextSettings)
    product: ProductSettings = Field(default_factory=ProductSettings)
    query: QuerySettings = Field(default_factory=QuerySettings)
    user: UserSettings = Field(default_factory=UserSettings)
    shared_attributes: tuple[SharedAttribute, ...] = Field((), description="Attributes that users and products both have.")
    augmentation: AugmentationSettings = Field(default_factory=AugmentationSettings)
    negatives: tuple[Negatives, ...] = Field((InBatch(kind="in_batch"), Taxonomic(kind="taxonomy")), min_length=1)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    loss: LossSettings = Field(default_factory=LossSettings)
    reranker: RerankerSettings = Field(default_factory=RerankerSettings)
    optimiser: OptimiserSettings = Field(default_factory=OptimiserSettings)
    loop: LoopSettings = Field(default_factory=LoopSettings)

    @model_validator(mode="after")
    def _consistent(self) -> TrainingConfig:
        kinds = [negative.kind for negative in self.negatives]
        if len(set(kinds)) != len(kinds):
            raise ValueError("each kind of negative may stand once in negatives")
        if not self.shared_negatives:
            raise ValueError(f"negatives must hold {' or '.join(SHARED_KINDS)}, against which every example stands")
        if len({(shared.weight, shared.mask or self.loss.mask) for shared in self.shared_negatives}) > 1:
            raise ValueError(f"{' and '.join(SHARED_KINDS)} make up one pool and must have the same weight and mask")
        if not (self.product.text or self.product.category or self.product.id_embedding):
            raise ValueError("the product tower needs at least one of text, category and id_embedding")
        if self.user.brands and not self.product.brand:
            raise ValueError("user.brands reads the products' brand vectors: switch product.brand on")
        names = [attribute.name for attribute in self.shared_attributes]
        if len(set(names)) != len(names):
            raise ValueError("each name may stand once in shared_attributes")
        if self.text.pretrain.epochs and not self.product.text:
            raise ValueError("text.pretrain brings queries near the texts of products; it needs product.text")
        return self

    @property
    def shared_negatives(self) -> list[SharedNegatives]:
        """The negatives that make up the pool."""
        return [negative for negative in self.negatives if isinstance(negative, SharedNegatives)]

    @property
    def hard_negatives(self) -> list[HardNegatives]:
        """The negatives that are a part of the loss each."""
        return [negative for negative in self.negatives if isinstance(negative, HardNegatives)]

    @property
    def pool_weight(self) -> float:
        """Weight of the pool at the start."""
        return self.shared_negatives[0].weight

    @property
    def pool_mask(self) -> Mask:
        """Which known positives are masked in the pool."""
        return self.mask_of(self.shared_negatives[0])

    def mask_of(self, negative: SharedNegatives | HardNegatives) -> Mask:
        """Return which known positives a kind of negative masks."""
        return negative.mask or self.loss.mask
