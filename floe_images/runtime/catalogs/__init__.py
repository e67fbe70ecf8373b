"""Iceberg catalogs of floe.yaml: settings for PyIceberg and DuckDB, writing tables, and looking after them."""
