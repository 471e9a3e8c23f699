"""The YAML models: graph recipes and training configurations."""
