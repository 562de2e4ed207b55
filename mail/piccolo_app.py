"""The Piccolo app `mail`: its tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig, table_finder

APP_CONFIG = AppConfig(
    app_name="mail",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=table_finder(modules=["mail.tables"]),
    migration_dependencies=["sync.piccolo_app"],
    commands=[],
)
