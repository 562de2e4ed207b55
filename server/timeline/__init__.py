"""A task's result and all that happened to it, as data: ids and codes, no words."""
