"""A task's result and timeline as data for API and console: ids and codes, no texts."""
