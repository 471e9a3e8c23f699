"""What is said of the data."""

from __future__ import annotations

from evaluations import hand_made

from gnn_search.report.data_card import describe_data


def test_counts_periods_and_caveats(fruit_shop):
    card = describe_data(fruit_shop, hand_made())
    assert card.counts["products"] == 6
    assert card.counts["users"] == 2
    assert card.counts["cases measured"] == 990
    assert [period.name for period in card.periods] == ["training", "validation", "test"]
    assert [period.events for period in card.periods] == [
        fruit_shop.manifest.num_examples[split] for split in ("train", "validation", "test")
    ]
    assert (card.periods[1].start, card.periods[2].start) == ("2020-01-11 00:00", "2020-01-21 00:00")
    assert "before 1970-01-01 00:00 UTC" in card.question
    assert len(card.caveats) == 1


def test_what_a_recipe_admits_is_told(fruit_shop):
    recipe = dict(fruit_shop.manifest.recipe)
    tables = {name: dict(table) if table else None for name, table in recipe["tables"].items()}
    tables["events"]["clock"] = "order"
    tables["products"] |= {"related": {"also_bought": {"timeless": True}}, "attributes": ["size"]}
    split = recipe["split"] | {"hold_out": {"users": 0.1, "products": 0.2, "seed": 0}}
    manifest = fruit_shop.manifest.model_copy(update={"recipe": recipe | {"tables": tables, "split": split}, "rejects": {"no product": 3}})
    graph = type(fruit_shop)(fruit_shop.path, manifest)
    found = " ".join(describe_data(graph, hand_made()).caveats)
    for words in ("only give the order of events", "(also_bought)", "(size)", "10% of the users and 20% of the products", "3 rows"):
        assert words in found
