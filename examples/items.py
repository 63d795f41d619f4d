"""An order of printed goods that follows its items: what the items do, the order does, in the same transaction."""

from sqlmodel import Field, Session, SQLModel

import orderfsm
from orderfsm.lifecycle import Lifecycle, Parent
from orderfsm.sqlmodel import HistoryEntry, SqlStore, Stateful, engine


class Purchase(Stateful, table=True):
    id: int | None = Field(default=None, primary_key=True)


class PurchaseHistory(HistoryEntry, table=True):
    order_id: int = Field(foreign_key="purchase.id")


class Shirt(Stateful, table=True):  # your item: it refers to its order
    id: int | None = Field(default=None, primary_key=True)
    purchase_id: int = Field(foreign_key="purchase.id", index=True)


class ShirtHistory(HistoryEntry, table=True):
    __tablename__ = "shirt_history"

    order_id: int = Field(foreign_key="shirt.id")


database = engine("sqlite://")
SQLModel.metadata.create_all(database)

purchases = Lifecycle(orderfsm.load("dream_junction/order"), SqlStore(Purchase, PurchaseHistory))
shirts = Lifecycle(orderfsm.load("dream_junction/item"), SqlStore(Shirt, ShirtHistory), parent=Parent(purchases))

with Session(database) as session:
    purchase = Purchase()
    purchases.open(session, purchase, actor="customer")
    small, large = Shirt(purchase_id=purchase.id), Shirt(purchase_id=purchase.id)
    session.add_all([small, large])
    for shirt in (small, large):
        shirts.open(session, shirt)
    purchases.send(session, purchase, "release", actor="provider")

    shirts.send(session, small, "package", actor="provider")
    print("one shirt of two is packaged:", purchase.code)
    shirts.send(session, large, "cancel", actor="provider")
    print("the other is canceled:", purchase.code)
    session.commit()

    for entry in purchases.history(session, purchase):
        print(entry.sequence, entry.event, entry.code, entry.caused_by)
