"""Runs the migrations that are outstanding, one after the other, and says how it goes."""

import contextlib
import io
import time
from typing import Final

import structlog
from piccolo.apps.migrations.commands.forwards import ForwardsMigrationManager, run_forwards
from piccolo.apps.migrations.tables import Migration

from server.provisioning import ProvisionError
from sync.tables.schema import EXPECTATIONS, FENCES, execute_script

LOG: Final = structlog.stdlib.get_logger("retour.database")


async def migrate() -> None:
    """All outstanding migrations and their records, in the transaction that is open.

    Of a database in use each is logged as it begins and as it is done, with its seconds: large
    tables take minutes, and nobody is answered meanwhile. A new database takes a moment.

    :raises ProvisionError: one of them failed.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        await execute_script(FENCES)
        for app in ForwardsMigrationManager("all").get_sorted_app_names():
            await _migrate(app)
        await execute_script(EXPECTATIONS)


async def _migrate(app: str) -> None:
    manager = ForwardsMigrationManager(app)
    await manager.create_migration_table()
    ran = await Migration.get_migrations_which_ran(app)
    folder = manager.get_app_config(app).resolved_migrations_folder_path
    modules = manager.get_migration_modules(folder)
    for name in sorted(modules.keys() - set(ran)):
        told = {"app": app, "migration": name, "what": getattr(modules[name], "DESCRIPTION", "")}
        started = time.monotonic()
        if ran:
            LOG.info("migrating", **told)
        outcome = await run_forwards(app, name)
        if not outcome.success:
            raise ProvisionError(f"migrations failed: {outcome.message}")
        if ran:
            LOG.info("migrated", **told, seconds=round(time.monotonic() - started, 2))
