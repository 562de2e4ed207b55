"""Migrations, in the order of their names; what is released never changes."""
