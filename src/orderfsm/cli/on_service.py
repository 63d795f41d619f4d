"""The commands of the service: serving, and the tokens of those who may ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .answer import Answer, give
from .options import AsJson

__all__ = ["serve", "token"]

TokenFile = Annotated[
    Path, typer.Option("--tokens", metavar="FILE", help="The file of tokens; it holds digests, no secrets.")
]
TOKENS = Path("orderfsm.tokens")

token = typer.Typer(help="Say who may ask the service.", no_args_is_help=True, rich_markup_mode=None)


def serve(
    *,
    database: Annotated[
        str, typer.Option("--database", metavar="URL", help="A SQLAlchemy URL; tables are created where missing.")
    ] = "sqlite:///orderfsm.db",
    tokens: TokenFile = TOKENS,
    chart: Annotated[
        list[Path] | None, typer.Option("--chart", metavar="FILE", help="A chart of yours, beside the catalogue's.")
    ] = None,
    buyers: Annotated[
        Path | None,
        typer.Option(
            "--buyers", metavar="FILE", help="JSON: where buyers of cablelabs take answers, {ID: {url: …, secret: …}}."
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="The port; 0 takes a free one.")] = 8000,
    demo: Annotated[bool, typer.Option("--demo", help="Add orders to look at, and tokens of demo-… people.")] = False,
    json: AsJson = False,
) -> None:
    """Serve the vocabularies' APIs, the generic API and the pages.

    Nothing is read or written without a token; `token add` makes one. Each request is one JSON line on the error
    output, and under `opentelemetry-instrument` a span as well. After SIGTERM or SIGINT, requests that are under way
    come to their end.
    """

    def answer() -> Answer:
        from .serving import Serving, serve

        return serve(Serving(database, tokens, tuple(chart or ()), buyers, host, port, demo=demo, json=json))

    give(answer, as_json=False)


@token.command("add")
def token_add(
    id: Annotated[str, typer.Argument(metavar="ID", help="Whose it is: what histories name as the actor.")],
    *,
    role: Annotated[
        list[str], typer.Option("--role", metavar="VOCABULARY/ACTOR", help="Such as adobe/partner; several add up.")
    ],
    tokens: TokenFile = TOKENS,
    json: AsJson = False,
) -> None:
    """Make a token and print it, this once.

    The roles are actors of the vocabulary's charts; `VOCABULARY/operator` sees the orders of everybody in the generic
    API.
    """

    def answer() -> Answer:
        from .serving import add_token

        return add_token(tokens, id, role)

    give(answer, as_json=json)


@token.command("list")
def token_list(*, tokens: TokenFile = TOKENS, json: AsJson = False) -> None:
    """List whom there are tokens for, and in which roles."""

    def answer() -> Answer:
        from .serving import list_tokens

        return list_tokens(tokens)

    give(answer, as_json=json)


@token.command("remove")
def token_remove(
    id: Annotated[str, typer.Argument(metavar="ID", help="Whose tokens end.")],
    *,
    tokens: TokenFile = TOKENS,
    json: AsJson = False,
) -> None:
    """End all tokens of somebody; a service that is running knows at once."""

    def answer() -> Answer:
        from .serving import remove_tokens

        return remove_tokens(tokens, id)

    give(answer, as_json=json)
