"""Order statuses that are law, in a service that has its own tables, session and commit."""

from sqlmodel import Field, Session, SQLModel

import orderfsm
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import HistoryEntry, SqlStore, Stateful, engine


class Tasking(Stateful, table=True):  # your order: the state columns come from the base
    id: int | None = Field(default=None, primary_key=True)
    customer: str


class TaskingHistory(HistoryEntry, table=True):
    order_id: int = Field(foreign_key="tasking.id")


database = engine("sqlite://")
SQLModel.metadata.create_all(database)
taskings = Lifecycle(orderfsm.load("stat/order"), SqlStore(Tasking, TaskingHistory))

with Session(database) as session:
    tasking = Tasking(customer="Forestry Office")
    taskings.open(session, tasking, actor="customer")
    try:
        taskings.send(session, tasking, "complete", actor="provider")
    except orderfsm.Refused as refused:
        print(refused)
    taskings.send(session, tasking, "accept", actor="provider", key="request-17")
    session.commit()
    print(tasking.code, [entry.after for entry in taskings.history(session, tasking)])
