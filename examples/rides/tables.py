"""The tables of rides: the order, its history, what it emits, and what it waits for."""

from sqlmodel import Field

from orderfsm import enforcement
from orderfsm.sqlmodel import HistoryEntry, OutboxRow, Stateful, TimerRow


class Ride(Stateful, table=True):
    id: int | None = Field(default=None, primary_key=True)
    rider: str = Field(index=True)
    pickup: str
    destination: str
    driver: str | None = None


class RideHistory(HistoryEntry, table=True):
    __tablename__ = "ride_history"

    order_id: int = Field(foreign_key="ride.id")


class RideOutbox(OutboxRow, table=True):
    __tablename__ = "ride_outbox"

    order_id: int = Field(foreign_key="ride.id")


class RideTimer(TimerRow, table=True):
    __tablename__ = "ride_timer"

    order_id: int = Field(foreign_key="ride.id")


enforcement.attach(Ride, RideHistory)  # whoever creates these tables creates the triggers, too
