"""The towers: text, product, query and user, the model that joins them, and its losses.

`TwoTower` joins `ProductTower`, `QueryTower`, `UserTower` and a text tower (`make_text_tower`); `NodeEncoder` encodes a view by it.
"""
