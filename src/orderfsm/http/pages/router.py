"""The router of the pages."""

# No `from __future__ import annotations`: FastAPI reads the annotations of the endpoints.

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from orderfsm.http.failure import Rejected
from orderfsm.http.shelf import Shelf
from orderfsm.http.tokens import Tokens
from orderfsm.http.unit import Sessions

from .board import Board
from .door import NO_STORE, Door, Sent
from .order import Orders
from .paper import ASSETS, SAFE, asset, root
from .route import PageRoute
from .sending import Sending
from .stock import Stock
from .visits import Secure, Visits, now

__all__ = ["router"]

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
READ = ["GET", "HEAD"]
KEEP = {"Cache-Control": "public, max-age=31536000, immutable"}


def router(
    *,
    shelves: Sequence[Shelf],
    sessions: Sessions,
    tokens: Tokens,
    secure: Secure = "https",
    clock: Callable[[], datetime] = now,
) -> APIRouter:
    """The board at `/`, the pages of orders at `/orders/…`, signing in and out; include it without a prefix.

    Whoever signs in with a token sees, of each shelf, what the token's roles may see, until the token's line is gone.
    Visits are known to this process alone. `secure` says when the cookie is for HTTPS only: `https` where the request
    has come so, `always` behind a proxy that does not tell. Raises ValueError for shelves that cannot be told apart in
    a URL.
    """
    verify_names(shelves)
    made = APIRouter(route_class=PageRoute, include_in_schema=False)
    door = Door(Visits(tokens, secure, clock))
    stocks = [Stock(shelf) for shelf in shelves]
    board, orders = Board(stocks, sessions, door), Orders(sessions, door)
    made.add_api_route("/", board.all, methods=READ, response_model=None)
    made.add_api_route("/sign-in", door.ask, methods=READ, response_model=None)
    made.add_api_route("/sign-in", door.enter, methods=["POST"], response_model=None)
    made.add_api_route("/sign-out", door.leave, methods=["POST"], response_model=None)
    made.add_api_route("/assets/{name}", assets, methods=READ, response_model=None)
    for stock in stocks:
        made.add_api_route(f"/orders/{stock.shelf.name}", one_shelf(board, stock), methods=READ, response_model=None)
    for stock in stocks:
        _include_orders(made, stock, orders, Sending(sessions, door, orders))
    made.add_api_route("/orders/{rest:path}", nothing, methods=READ, response_model=None)
    return made


def verify_names(shelves: Sequence[Shelf]) -> None:
    """Raise ValueError for names that cannot stand in a URL, or that two shelves have."""
    names = [shelf.name for shelf in shelves]
    for name in names:
        if not NAME.fullmatch(name):
            raise ValueError(f"a shelf is called {name!r}; give it a label of letters, digits, _ . - and /")
        if names.count(name) > 1:
            raise ValueError(f"two shelves are called {name!r}; give one of them a label")


def _include_orders(made: APIRouter, stock: Stock, orders: Orders, sending: Sending) -> None:
    base = f"/orders/{stock.shelf.name}/{{key}}"
    add = partial(made.add_api_route, response_model=None)
    add(base, one_order(orders.show, stock), methods=READ)
    add(f"{base}/diagram.svg", one_order(orders.picture, stock), methods=READ)
    add(f"{base}/history.csv", one_order(orders.export, stock), methods=READ)

    def send(request: Request, key: str, sent: Sent) -> Response:
        return sending.send(request, stock, key, sent)

    def back(request: Request, key: str) -> Response:
        return RedirectResponse(f"{root(request)}/orders/{stock.shelf.name}/{quote(key)}", 303, NO_STORE)

    add(f"{base}/events", send, methods=["POST"])
    add(f"{base}/events", back, methods=READ)  # an answer to a form has this address, and may be asked for again


def one_shelf(board: Board, stock: Stock) -> Callable[..., Any]:
    """The endpoint of a shelf."""

    def show(request: Request) -> Response:
        return board.one(request, stock)

    return show


def one_order(show: Callable[[Request, Stock, str], Response], stock: Stock) -> Callable[..., Any]:
    """The endpoint of an order of a shelf."""

    def endpoint(request: Request, key: str) -> Response:
        return show(request, stock, key)

    return endpoint


def assets(name: str) -> Response:
    """The stylesheet and the icon."""
    if name not in ASSETS:
        raise Rejected(404, "absent", "")
    return Response(asset(name), headers=SAFE | KEEP, media_type=ASSETS[name])


def nothing() -> Response:
    """Whatever else stands below /orders is not there."""
    raise Rejected(404, "absent", "")
