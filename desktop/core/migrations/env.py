"""Alembic's entry: run the steps on the file that the store names, all of them or none, and one app at a time."""

from typing import Any

from alembic import context
from sqlalchemy import URL, Connection, create_engine, event

database = context.config.attributes["database"]
engine = create_engine(URL.create("sqlite", database=database), connect_args={"timeout": 15})


@event.listens_for(engine, "connect")
def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    # Python's sqlite3 begins a transaction only before it changes rows, so that tables would be made outside of any.
    connection.isolation_level = None


@event.listens_for(engine, "begin")
def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(connection=connection, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
