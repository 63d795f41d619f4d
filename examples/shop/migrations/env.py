import os

from alembic import context
from sqlmodel import SQLModel, create_engine

import orderfsm.enforcement.alembic  # noqa: F401 - op.enforce_history, op.release_history
import tables  # noqa: F401 - its tables join the metadata

engine = create_engine(os.environ.get("DATABASE_URL", "sqlite:///shop.db"))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
