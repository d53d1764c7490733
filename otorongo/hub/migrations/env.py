"""Alembic's entry: run the schemas on the connection that `otorongo.hub.migrations` passes."""

from alembic import context

from otorongo.hub.db import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_server_default=False,
)
context.run_migrations()
