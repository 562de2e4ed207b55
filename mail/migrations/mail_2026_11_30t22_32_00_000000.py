"""A decision not to ask says which survey was in the way: whose window, or whose count.

Null for decisions of before, whose surveys in the way are not known for certain. It is no foreign
key: a survey whose retention is over goes, and what was decided because of it stays.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T22:32:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "which survey kept another one back"

COLUMN: Final = """
ALTER TABLE decision ADD kept_back_by uuid;
"""


async def forwards() -> MigrationManager:
    """Add the column."""
    return executing(ID, "mail", DESCRIPTION, COLUMN)
