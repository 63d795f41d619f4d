"""The three operations of the document: status at once, status on request, and the answer to such a request."""

# No `from __future__ import annotations`: FastAPI reads the annotations of endpoints, some are local to router().

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orderfsm.errors import BadSignature
from orderfsm.http.principal import Authenticate, Principal
from orderfsm.http.unit import Sessions, reading
from orderfsm.lifecycle import transact
from orderfsm.outbox.signature import Secrets, verify

from .endpoints import Endpoints
from .examples import ANSWER, QUESTION, failed
from .inquiries import Signed, take
from .lives import lives, now
from .lookup import Lookup, asked, one
from .models import OrderStatusRequest, OrderStatusResponse, answer_of
from .route import CableRoute, invalid, unauthorized
from .tables import CableRequest

__all__ = ["Senders", "router"]

Senders = Callable[[str], Secrets | Iterable[str] | None]
"""From a seller's id to the secrets that its answers are signed with; None for one whose answers are not taken."""

LONGEST = 255
"""How many characters the id of a message may have."""

NAMED = ("orderId", "buyerId", "sellerId", "buyerPurchaseOrderNumber")
BEARER = HTTPBearer(auto_error=False, scheme_name="cablelabs", description="The token of a buyer or a seller.")


def nobody(_: str) -> None:
    """Nobody has registered."""


def router(
    *,
    sessions: Sessions,
    authenticate: Authenticate,
    clock: Callable[[], datetime] = now,
    endpoints: Endpoints = nobody,
    senders: Senders = nobody,
    aliases: Mapping[str, str] = MappingProxyType({}),
) -> APIRouter:
    """The order status interface, to be included in an app under any prefix.

    `authenticate` gives the principal of a bearer token, with the role `buyer` or `seller`; its id is the party's.
    `aliases` are other names of parties. A seller answers the buyers that have `endpoints` (`Answers` delivers), a
    buyer takes answers that are signed by `senders`; left out, that half of the interface is not supported.
    """
    life = lives(clock)
    made = APIRouter(route_class=CableRoute, tags=["cablelabs"])

    def party(name: str) -> str:
        return aliases.get(name, name)

    def known(bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> Principal:
        principal = authenticate(bearer.credentials) if bearer else None
        if principal is None:
            raise unauthorized("A bearer token that is known here is needed.")
        return principal

    async def signed(request: Request) -> Signed:
        return verified(request, await request.body(), await request.json(), party, senders, clock())

    Known = Annotated[Principal, Depends(known)]  # noqa: N806 - a type

    def status(who: Known, lookup: Annotated[Lookup, Depends(asked)]) -> Response:
        """The status of one order of the buyer's or the seller's, by its id or by buyer, seller and purchase order."""
        wanted = lookup.known(party)
        with reading(sessions) as session:
            order = one(session, who, wanted)
            return JSONResponse(answer_of(session, order, wanted.seller_name or order.seller_id))

    def request(who: Known, body: OrderStatusRequest) -> Response:
        """Ask for a status: the answer is posted to the endpoint that is registered for the buyer."""
        sent = (body.orderId, body.buyerId, body.sellerId, body.buyerPurchaseOrderNumber)
        wanted = Lookup(*sent).known(party)

        def work(session: Session) -> None:
            order = one(session, Principal(who.id, who.roles & {"buyer"}), wanted)
            if endpoints(order.buyer_id) is None:
                raise invalid("body.buyerId", "has no endpoint that answers could be posted to; register one")
            asking = CableRequest(asked_for=order.id, seller_name=body.sellerId)
            life.requests.open(session, asking, actor=who.actor("buyer"))

        transact(sessions, work)
        return Response(status_code=201)

    def response(by: Annotated[Signed, Depends(signed)], body: OrderStatusResponse) -> Response:
        """Answer an open request, signed as Standard Webhooks has it, with a secret that the buyer knows."""
        transact(sessions, lambda session: take(session, life, by, party(body.buyerId), body))
        return Response(status_code=201)

    reads(made, "/orders/status", status, "status")
    reads(made, "/orders/{id}/status", status, "status_of_order", path="id")
    made.add_api_route("/orders/status&{query:path}", status, methods=["GET"], include_in_schema=False)
    writes(made, "/orders/status-request", request, "status_request", QUESTION)
    writes(made, "/orders/status-response", response, "status_response", ANSWER)
    return made


def verified(
    request: Request, body: bytes, sent: Any, party: Callable[[str], str], senders: Senders, at: datetime
) -> Signed:
    """Who has signed an answer. Raises Rejected, always the same, when it is not the seller that the answer names."""
    name = sent.get("sellerId") if isinstance(sent, dict) else None
    seller = party(name) if isinstance(name, str) else ""
    secrets = senders(seller)
    try:
        if secrets is None:
            raise BadSignature
        message = verify(request.headers, body, secrets, now=at)
    except BadSignature:
        raise unauthorized("A signature of the seller's is needed.", "Signature") from None
    if len(message) > LONGEST:
        raise invalid("webhook-id", f"has at most {LONGEST} characters")
    return Signed(seller, message, datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC))


def reads(made: APIRouter, path_of: str, endpoint: Callable[..., Any], name: str, path: str = "") -> None:
    """Add a GET, with the lookup's names as parameters."""
    text = {"type": "string", "minLength": 1, "maxLength": 100}
    query = [{"name": each, "in": "query", "required": False, "schema": text} for each in NAMED]
    inside = [{"name": path, "in": "path", "required": True, "schema": text}] if path else []
    made.add_api_route(
        path_of,
        endpoint,
        methods=["GET"],
        response_model=OrderStatusResponse,
        operation_id=f"cablelabs_{name}",
        responses={200: {"content": {"application/json": {"example": ANSWER}}}, **failed(400, 401, 404, 503)},
        openapi_extra={"parameters": [*inside, *query]},
    )


def writes(made: APIRouter, path: str, endpoint: Callable[..., Any], name: str, example: dict[str, Any]) -> None:
    """Add a POST that answers 201 without a body."""
    made.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        status_code=201,
        response_class=Response,
        operation_id=f"cablelabs_{name}",
        responses=failed(401, 404, 405, 413, 503),
        openapi_extra={"requestBody": {"content": {"application/json": {"example": example}}}},
    )
