"""STAT and STAPI: orders for satellite imagery, and the statuses that they have had."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from orderfsm.history import Actor, Link, Reason
from orderfsm.http.shelf import Shelf
from orderfsm.http.unit import Sessions
from orderfsm.lifecycle import transact

from .examples import ORDER
from .orders import router, visible
from .tables import ImageryOrder, ImageryOrderHistory, Words, create, lifecycle, now

__all__ = ["ImageryOrder", "ImageryOrderHistory", "Words", "create", "demo", "lifecycle", "router", "shelf"]

PROVIDER = Actor("provider", "demo-provider")
LIVES: tuple[tuple[tuple[str, Reason | None], ...], ...] = (
    (),
    (("accept", None),),
    (("accept", None), ("hold", Reason(text="The operator wants to see the area."))),
    (("reject", Reason("invalid_geometry")),),
    (("accept", None), ("schedule", None), ("task", None), ("process", Reason("partial_delivery")), ("complete", None)),
)


def shelf(clock: Callable[[], datetime] = now, words: Words = "stat/order") -> Shelf:
    """The orders for the pages: a provider sees all of them, a customer his own."""
    return Shelf(
        words.partition("/")[0],
        lifecycle(words, clock),
        lambda who: visible(who) & (ImageryOrder.chart == words),
        lambda order: f"{order.id} ({order.product_id})",
    )


def demo(sessions: Sessions, clock: Callable[[], datetime] = now, words: Words = "stat/order") -> None:
    """Five orders of `demo-customer`: received, accepted, held, rejected and completed."""
    orders = lifecycle(words, clock)

    def work(session: Session) -> None:
        for life in LIVES:
            order = ImageryOrder(
                customer="demo-customer",
                product_id="optical",
                created=clock(),
                search_parameters=ORDER["properties"]["search_parameters"],
            )
            orders.open(session, order, actor=Actor("customer", "demo-customer"))
            for event, reason in life:
                links = [Link("delivered-asset", "https://catalog.example/items/1")] if event == "complete" else []
                orders.send(session, order, event, actor=PROVIDER, reason=reason, links=links)

    transact(sessions, work)
