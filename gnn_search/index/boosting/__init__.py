"""Static product quality inside the inner product, so that any index can rank by it: `Boost`, `build_boost`, `boosted_products`."""
