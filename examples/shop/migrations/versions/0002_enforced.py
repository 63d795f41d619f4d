"""The database refuses what the chart does not allow."""

from alembic import op

revision = "0002"
down_revision = "0001"

KEYS = {"order_id": "id"}  # the history's column -> the order's


def upgrade() -> None:
    op.enforce_history("purchase_history", "purchase", KEYS)


def downgrade() -> None:
    op.release_history("purchase_history", "purchase", KEYS)
