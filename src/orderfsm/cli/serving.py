"""Answers about the service: running it, and who may ask it."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .answer import Answer, Grid, Heading, Misused
from .database import told, url_of
from .watching import told_to_stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Engine

    from orderfsm.http.tokens import Tokens

__all__ = ["Serving", "add_token", "list_tokens", "remove_tokens", "serve"]

DEMO = {
    "demo-customer": ("stat/customer", "stapi/customer", "dream_junction/customer", "record_stack_overflow/customer"),
    "demo-provider": ("stat/provider", "stapi/provider", "dream_junction/provider"),
    "demo-merchant": ("record_stack_overflow/merchant",),
    "demo-partner": ("adobe/partner",),
    "demo-adobe": ("adobe/adobe",),
    "demo-buyer": ("cablelabs/buyer",),
    "demo-seller": ("cablelabs/seller",),
}
"""Who owns the demo's orders, and in which roles."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What to serve, and where."""

    database: str
    tokens: Path
    charts: tuple[Path, ...]
    buyers: Path | None
    host: str
    port: int
    demo: bool
    json: bool


def serve(asked: Serving) -> Answer:
    """Serve until a signal; what cannot be served is told before anything listens."""
    import uvicorn

    app = _app(asked)
    _log()
    config = uvicorn.Config(
        app,
        host=asked.host,
        port=asked.port,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    try:
        with told_to_stop(lambda: None):  # uvicorn stops by itself, and then raises the signal once more
            server.run()
    except SystemExit:
        raise Misused(f"--port: nothing can listen at {asked.host}:{asked.port}; is another program there?") from None
    return Answer({"served": True}, [])


def _app(asked: Serving) -> Any:
    from orderfsm.http.app import app, create
    from orderfsm.sqlmodel import engine

    tokens = _tokens(asked.tokens)
    url = url_of(asked.database)
    database = engine(url)
    with told(database):
        create(database)
        if asked.demo:
            _show(database, tokens, as_json=asked.json)
    charts = [str(path) for path in asked.charts]
    made = app(url.render_as_string(hide_password=False), tokens=tokens, charts=charts, buyers=_buyers(asked.buyers))
    if not tokens.grants():
        sys.stderr.write("orderfsm: nobody has a token yet; make one with `orderfsm token add`\n")
    return made


def _buyers(path: Path | None) -> dict[str, Any]:
    """The endpoints of a file. Raises Misused when it is none."""
    from orderfsm.http.cablelabs import Endpoint

    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(buyer): Endpoint(str(each["url"]), str(each["secret"])) for buyer, each in found.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        shape = '{"buyer": {"url": "https://…", "secret": "whsec_…"}}'
        raise Misused(f"--buyers: {path} is not JSON such as {shape}") from None


def _show(database: Engine, tokens: Tokens, *, as_json: bool) -> None:
    """Add the demo's orders to a database that has none, and tokens for whoever has none yet."""
    from sqlalchemy import select
    from sqlmodel import Session

    from orderfsm.http.app import demo
    from orderfsm.http.stat import ImageryOrder

    with Session(database) as session:
        empty = session.scalar(select(ImageryOrder.id).limit(1)) is None  # type: ignore[call-overload]
    if empty:
        demo(database)
    known = {grant.id for grant in tokens.grants()}
    made = {id: tokens.add(id, roles) for id, roles in DEMO.items() if id not in known}
    told = [f"{id}  {secret}  ({', '.join(DEMO[id])})" for id, secret in made.items()]
    sys.stdout.write((json.dumps({"tokens": made}) if as_json else "\n".join(told)) + "\n")
    sys.stdout.flush()


def _log() -> None:
    """Everything that is logged, as JSON lines on the error output."""
    from orderfsm.http.observe import JsonLines

    lines = logging.StreamHandler()
    lines.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[lines], force=True)


# --- tokens


def add_token(path: Path, id: str, roles: Sequence[str]) -> Answer:
    """A new token, with where it was written down."""
    tokens = _tokens(path)
    unknown = sorted(set(roles) - set(_known_roles()))
    try:
        secret = tokens.add(id, roles)
    except ValueError as error:
        raise Misused(str(error)) from None
    blocks = [secret]
    if unknown:
        said = f"no chart of the catalogue knows {', '.join(unknown)}; serve yours: orderfsm serve --chart FILE"
        sys.stderr.write(f"orderfsm: {said}\n")
    return Answer({"id": id, "roles": sorted(roles), "token": secret}, blocks)


def list_tokens(path: Path) -> Answer:
    """Who has tokens."""
    grants = _tokens(path).grants()
    rows = [(grant.id, ", ".join(sorted(grant.roles)), grant.created) for grant in grants]
    data = [{"id": id, "roles": roles.split(", "), "created": created} for id, roles, created in rows]
    if not rows:
        return Answer(data, ["nobody has a token; make one with `orderfsm token add`"])
    return Answer(data, [Grid(("id", "roles", "created"), rows)])


def remove_tokens(path: Path, id: str) -> Answer:
    """How many tokens of somebody have ended; 1 when there was none."""
    count = _tokens(path).remove(id)
    said = Heading(f"{count} token{'' if count == 1 else 's'} of {id} ended") if count else f"{id} has no token"
    return Answer({"id": id, "removed": count}, [said], 0 if count else 1)


def _tokens(path: Path) -> Tokens:
    from orderfsm.http.tokens import Tokens

    try:
        return Tokens(path)
    except ValueError as error:
        raise Misused(f"--tokens: {error}") from None


def _known_roles() -> Iterator[str]:
    from orderfsm import catalogue
    from orderfsm.http.served import OPERATOR

    for name in catalogue.names():
        vocabulary = name.partition("/")[0]
        yield f"{vocabulary}/{OPERATOR}"
        yield from (f"{vocabulary}/{actor}" for actor in catalogue.load(name).actors)
