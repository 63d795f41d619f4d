"""Rides: an asynchronous service whose offers lapse by themselves, and which tells others what happened.

`uvicorn app:app` serves it. DATABASE_URL says where its tables are, WEBHOOK_URL and WEBHOOK_SECRET who is told.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.security import APIKeyHeader
from pydantic import BaseModel
from sqlalchemy import ColumnElement, true
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

import orderfsm
from orderfsm.http import Principal, Route, generic
from orderfsm.lifecycle import Lifecycle, atransact
from orderfsm.outbox import AsyncRelay, Policy
from orderfsm.outbox.webhook import Webhook
from orderfsm.readiness import averify
from orderfsm.sqlmodel import SqlStore, async_engine
from tables import Ride, RideHistory, RideOutbox, RideTimer

log = logging.getLogger("uvicorn.error")

database = async_engine(os.environ.get("DATABASE_URL", "sqlite+aiosqlite:///rides.db"))
sessions = async_sessionmaker(database)
chart = orderfsm.load(Path(__file__).with_name("ride.yaml"))
rides = Lifecycle(chart, SqlStore(Ride, RideHistory, outbox=RideOutbox, timers=RideTimer))
accounting = Webhook(
    os.environ["WEBHOOK_URL"],
    os.environ["WEBHOOK_SECRET"],
    timeout=timedelta(seconds=4),  # less than half of the lease
    allow=["loopback"],  # as long as the receiver runs on the same host
)
leases = Policy(lease=timedelta(seconds=10))  # after a crash, another relay goes on when they are over

# --- who asks

ACCOUNTS = {
    "anna": Principal("r-1", frozenset({"rider"}), "Anna"),
    "bo": Principal("d-1", frozenset({"driver"}), "Bo"),
    "cleo": Principal("d-2", frozenset({"driver"}), "Cleo"),
    "desk": Principal("desk", frozenset({"dispatcher"}), "The desk"),
}


async def whoever_asks(
    key: Annotated[str | None, Depends(APIKeyHeader(name="X-Api-Key", auto_error=False))],
) -> Principal:
    who = ACCOUNTS.get(key or "")
    if who is None:
        raise HTTPException(401, "say who you are in the header X-Api-Key")
    return who


def visible(who: Principal) -> ColumnElement[bool]:
    if "dispatcher" in who.roles:
        return true()
    return col(Ride.driver) == who.id if "driver" in who.roles else col(Ride.rider) == who.id


# --- what is asked


class Wanted(BaseModel):
    pickup: str
    destination: str


class Offer(BaseModel):
    driver: str


class Offered(BaseModel):
    ride: int
    status: str
    driver: str


def new_ride(session: Session, who: Principal, payload: Mapping[str, Any]) -> Ride:
    wanted = Wanted.model_validate(payload)
    return Ride(rider=who.id, pickup=wanted.pickup, destination=wanted.destination)


own = APIRouter(route_class=Route, tags=["dispatch"])


@own.post("/rides/{id}/offers", status_code=201)
async def offer(id: int, offer: Offer, who: Annotated[Principal, Depends(whoever_asks)]) -> Offered:
    """Offer a ride to a driver, who has five seconds to take it."""
    if "dispatcher" not in who.roles:
        raise HTTPException(403, "this is for dispatchers")

    async def work(session: AsyncSession) -> Offered:
        ride = await session.get(Ride, id)
        if ride is None:
            raise HTTPException(404, "there is no such ride")
        ride.driver = offer.driver
        dispatch = orderfsm.Actor("dispatch", who.id, who.label)
        entry = await rides.asend(session, ride, "offer", actor=dispatch, payload=offer.model_dump())
        return Offered(ride=id, status=entry.code or "", driver=offer.driver)

    return await atransact(sessions, work)


# --- what goes on by itself


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with database.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    await averify(database, rides)
    stop, relay = asyncio.Event(), AsyncRelay(database, rides, accounting, policy=leases)
    async with asyncio.TaskGroup() as going:
        going.create_task(sweep(stop))
        going.create_task(tell(relay))
        yield
        stop.set()
        relay.stop()  # what is under way is finished and settled; nothing is begun any more
    await database.dispose()


async def sweep(stop: asyncio.Event) -> None:
    """Send what is due."""
    async for swept in rides.akeep_sweeping(database, every=timedelta(milliseconds=250), stop=stop):
        log.info("ride %s: %s %s", swept.order, swept.event, swept.outcome)


async def tell(relay: AsyncRelay) -> None:
    """Deliver what rides have emitted."""
    async for report in relay.watch(poll=0.25):
        log.info("messages: %d delivered, %d to be tried again, %d dead", report.delivered, report.retried, report.dead)


app = FastAPI(title="Rides", lifespan=lifespan)
app.include_router(own)
app.include_router(
    generic.router(
        rides,
        sessions=sessions,
        principal=whoever_asks,
        visible=visible,
        opening=new_ride,
        path="/rides",
    )
)
