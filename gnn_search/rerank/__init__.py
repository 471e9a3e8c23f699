"""What the graph says directly of a shopper, a query and a product."""
