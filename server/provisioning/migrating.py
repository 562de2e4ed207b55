"""Runs outstanding migrations and logs their progress."""

import contextlib
import io
import time
from typing import Final

import structlog
from piccolo.apps.migrations.commands.forwards import ForwardsMigrationManager, run_forwards
from piccolo.apps.migrations.tables import Migration

from mail.wording import _
from server.provisioning import ProvisionError
from sync.tables.schema import EXPECTATIONS, FENCES, execute_script

LOG: Final = structlog.stdlib.get_logger("retour.database")


async def migrate() -> None:
    """Run and record all outstanding migrations, in the open transaction.

    Of a database in use, the start and the end of each are logged, with its seconds: a large table
    takes minutes, in which no request is answered.

    :raises ProvisionError: a migration failed.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        await execute_script(FENCES)
        for app in ForwardsMigrationManager("all").get_sorted_app_names():
            manager = ForwardsMigrationManager(app)
            await manager.create_migration_table()
            ran = await Migration.get_migrations_which_ran(app)
            folder = manager.get_app_config(app).resolved_migrations_folder_path
            modules = manager.get_migration_modules(folder)
            for name in sorted(modules.keys() - set(ran)):
                what = getattr(modules[name], "DESCRIPTION", "")
                fields = {"app": app, "migration": name, "what": what}
                started = time.monotonic()
                if ran:
                    LOG.info("migrating", **fields)
                outcome = await run_forwards(app, name)
                if not outcome.success:
                    raise ProvisionError(_("migrations failed: %(error)s"), error=outcome.message)
                if ran:
                    seconds = round(time.monotonic() - started, 2)
                    LOG.info("migrated", **fields, seconds=seconds)
        await execute_script(EXPECTATIONS)
