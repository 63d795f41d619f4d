"""The shipments, and how far the files have come that they are taken from."""

from sqlmodel import Field, SQLModel

from orderfsm import enforcement
from orderfsm.sqlmodel import HistoryEntry, Stateful


class Shipment(Stateful, table=True):
    number: str = Field(primary_key=True)
    customer: str


class ShipmentHistory(HistoryEntry, table=True):
    __tablename__ = "shipment_history"
    __order_key__ = ("number",)

    number: str = Field(foreign_key="shipment.number")


class ImportedFile(SQLModel, table=True):
    """A file by its content: how many of its rows are done, and what became of them."""

    __tablename__ = "imported_file"

    digest: str = Field(primary_key=True)
    name: str
    rows: int = 0
    replayed: int = 0
    adopted: int = 0
    known: int = 0


class RefusedRow(SQLModel, table=True):
    __tablename__ = "refused_row"

    digest: str = Field(foreign_key="imported_file.digest", primary_key=True)
    line: int = Field(primary_key=True)
    number: str
    code: str
    message: str


enforcement.attach(Shipment, ShipmentHistory)
