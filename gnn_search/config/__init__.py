"""The YAML models: graph recipes and training configurations.

`Recipe` and `TrainingConfig`, each a `NamedFile`; `find_yaml` and `read_yaml` find and read files.
"""
