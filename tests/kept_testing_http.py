"""Each dialect's own router behind a socket, with what its driver has to be told: who asks, and what its API lacks."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import FastAPI, Header
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

import orderfsm
from kept_http import serving
from orderfsm.history import Actor
from orderfsm.http import Principal, adobe, cablelabs, dream_junction, generic, record_stack_overflow, stat
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine
from orderfsm.testing import Driver, Send, Unsent
from orderfsm.testing.http_drivers import (
    AdobeDriver,
    CablelabsDriver,
    DreamJunctionDriver,
    GenericDriver,
    RecordStackOverflowDriver,
    StapiDriver,
    StatDriver,
)

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now

    def set(self, now: datetime) -> None:
        self.now = now


CLOCK = Clock()


def principals(*roles: str) -> Callable[[str], Principal | None]:
    """Tokens are called like the roles."""
    return {role: Principal(f"a {role}", frozenset({role})) for role in roles}.get


def bearer(actor: Actor) -> dict[str, str] | None:
    return {"Authorization": f"Bearer {actor.role or 'provider'}"} if actor.role != "somebody_else" else None


def app_of(router: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    return app


def by_hand(orders: Lifecycle, database: Engine) -> Callable[[Any, Send], None]:
    """A way to send an event that the API gives no client a way to."""

    def sent(order: Any, send: Send) -> None:
        with Session(database) as session:
            row = session.get_one(orders.store.order, order)
            orders.send(session, row, send.event, **send.asked)
            session.commit()

    return sent


# --- the dialects


def stat_app(database: Engine, words: Any = "stat/order", **options: Any) -> FastAPI:
    stat.create(database)
    given = {"sessions": partial(Session, database), "authenticate": principals("customer", "provider")}
    return app_of(stat.router(**given, words=words, **options))


def stat_driver(at: Any, database: Engine) -> Driver:
    return StatDriver(at, headers=bearer, product="optical")


def stapi_driver(at: Any, database: Engine) -> Driver:
    return StapiDriver(at, headers=bearer, product="optical")


def generic_app(
    database: Engine, chart: orderfsm.Chart | None = None, orders: Lifecycle | None = None, **options: Any
) -> FastAPI:
    create_all(database)
    SQLModel.metadata.create_all(database, tables=[generic.Opened.__table__])
    chart = chart or orderfsm.load("stat/order")
    known = principals(*chart.actors)
    orders = orders or Lifecycle(chart, SqlStore(Order, OrderHistory), clock=CLOCK)

    async def who(token: str = Header("", alias="X-Token")) -> Principal | None:
        return known(token)

    return app_of(
        generic.router(
            orders,
            sessions=partial(Session, database),
            principal=who,
            visible=lambda who: Order.id > 0,  # type: ignore[operator,arg-type]
            **options,
        )
    )


def generic_driver(at: Any, database: Engine) -> Driver:
    return GenericDriver(
        at,
        headers=lambda actor: {"X-Token": actor.role} if actor.role != "somebody_else" else None,
        anybody="provider",
        time=CLOCK.set,
    )


def prints_app(database: Engine) -> FastAPI:
    dream_junction.create(database)
    return app_of(
        dream_junction.router(sessions=partial(Session, database), authenticate=principals("customer", "provider"))
    )


def prints_driver(at: Any, database: Engine) -> Driver:
    in_the_house = by_hand(dream_junction.lives().orders, database)
    return DreamJunctionDriver(
        at,
        headers=lambda actor: {"Authorization": f"Token token={actor.role}"},
        also=dict.fromkeys(("release", "package", "ship", "void"), in_the_house),
    )


def records_app(database: Engine) -> FastAPI:
    record_stack_overflow.create(database)
    known = {
        name: Principal(name, frozenset({name.rstrip("0123456789")}))
        for name in ("customer1", "customer2", "merchant1", "merchant2")
    }
    return app_of(record_stack_overflow.router(sessions=partial(Session, database), authenticate=known.get))


def records_driver(at: Any, database: Engine) -> Driver:
    at_the_merchant = by_hand(record_stack_overflow.lifecycle(), database)
    return RecordStackOverflowDriver(
        at,
        headers=lambda actor: {"Authorization": f"Bearer {actor.id}"} if actor.id else None,
        customer="customer1",
        other_customer="customer2",
        merchant="merchant1",
        other_merchant="merchant2",
        record="r1",
        also={"complete": at_the_merchant},
    )


def adobe_app(database: Engine) -> FastAPI:
    adobe.create(database)
    with Session(database) as session:
        row = {"customer_id": "c1", "partner_id": "a partner", "reseller_id": "r", "current_term_start": BEGAN}
        session.add(adobe.AdobeCustomer(**row))
        session.commit()
    known = principals("partner", "adobe")
    return app_of(adobe.router(sessions=partial(Session, database), authenticate=known, clock=CLOCK))


def adobe_driver(at: Any, database: Engine) -> Driver:
    return AdobeDriver(
        at,
        headers=lambda actor: {"Authorization": f"Bearer {actor.role}", "X-Api-Key": "key"},
        customer="c1",
        time=CLOCK.set,
    )


def cable_app(database: Engine) -> FastAPI:
    cablelabs.create(database)
    return app_of(cablelabs.router(sessions=partial(Session, database), authenticate=principals("buyer", "seller")))


def cable_driver(at: Any, database: Engine) -> Driver:
    orders = cablelabs.lives(CLOCK).orders

    def opened(order: str | None, send: Send) -> str:
        if order is not None:
            raise Unsent("an order is opened once")
        with Session(database) as session:
            row = cablelabs.CableOrder(buyer_id="a buyer", seller_id="a seller", pon=cablelabs.tables.new_id())
            orders.open(session, row, send.event, **send.asked)
            session.commit()
            return row.id

    def arranged(order: str | None, send: Send) -> None:
        """Versions and due dates are columns; a version that is no text is one that nobody sends."""
        wanted = (send.facts or {}).get("order", {})
        if order is None or not wanted:
            return
        version, due = wanted.get("buyerOrderVersion", "1"), wanted.get("correctionOrderDueDate")
        with Session(database) as session:
            row = session.get_one(cablelabs.CableOrder, order)
            row.version = version if isinstance(version, str) else "nobody's"
            row.correction_order_due_date = datetime.fromisoformat(due) if due else None
            session.commit()

    events = orderfsm.compile(orderfsm.load("cablelabs/order")).alphabet
    return CablelabsDriver(
        at,
        headers=bearer,
        time=CLOCK.set,
        facts=arranged,
        also=dict.fromkeys(events, by_hand(orders, database)) | dict.fromkeys(("open", "refuse_submission"), opened),
    )


DIALECTS: dict[str, tuple[str, Callable[..., FastAPI], Callable[..., Driver]]] = {
    "stat": ("stat/order", stat_app, stat_driver),
    "stapi": ("stapi/order", partial(stat_app, words="stapi/order"), stapi_driver),
    "generic": ("stat/order", generic_app, generic_driver),
    "dream_junction": ("dream_junction/order", prints_app, prints_driver),
    "record_stack_overflow": ("record_stack_overflow/order", records_app, records_driver),
    "adobe": ("adobe/order", adobe_app, adobe_driver),
    "cablelabs": ("cablelabs/order", cable_app, cable_driver),
}
"""The chart, the app over a database, and the driver, given where the app is."""


@contextmanager
def driven(name: str, folder: Any) -> Iterator[tuple[orderfsm.Chart, Driver]]:
    """The chart and the driver of a dialect, whose app is served over a socket."""
    chart, app, driver = DIALECTS[name]
    database = engine(f"sqlite:///{folder}/{name}.db")
    with serving(app(database)) as url:
        yield orderfsm.load(chart), driver(url, database)
    database.dispose()


@contextmanager
def driven_within(name: str, folder: Any) -> Iterator[tuple[orderfsm.Chart, Driver]]:
    """The same without a socket, by Starlette's client."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for the next httpx
        from starlette.testclient import TestClient
    chart, app, driver = DIALECTS[name]
    database = engine(f"sqlite:///{folder}/{name}.db")
    with TestClient(app(database)) as client:
        yield orderfsm.load(chart), driver(client, database)
    database.dispose()
