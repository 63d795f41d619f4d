"""What pages are made of: templates that escape everything, one stylesheet, and headers that let nothing else in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from .shown import compact, followed, line, moment, told

__all__ = ["ASSETS", "POLICY", "asset", "page", "path", "root"]

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""A page has our own stylesheet and pictures; no script runs, whoever has written it."""

SAFE = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

ASSETS = {"orderfsm.css": "text/css", "orderfsm.svg": "image/svg+xml"}


@cache
def asset(name: str) -> bytes:
    """The bytes of a file that pages refer to."""
    return files(__package__).joinpath("assets", name).read_bytes()


@cache
def version() -> str:
    """Part of the stylesheet's URL, so that browsers may keep the file."""
    return hashlib.sha256(b"".join(map(asset, ASSETS))).hexdigest()[:12]


@cache
def templates() -> Environment:
    """The templates of this package."""
    made = Environment(
        loader=PackageLoader("orderfsm.http.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"told": told, "line": line, "moment": moment, "compact": compact, "followed": followed}
    return made


def page(
    request: Request, template: str, values: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] = {}
) -> Response:
    """A page from a template; `values` are its variables beside where the pages are and who is signed in."""
    given = {"root": root(request), "version": version(), "visitor": None, **values}
    text = templates().get_template(template).render(given)
    return Response(text, status, SAFE | dict(headers), media_type="text/html")


def root(request: Request) -> str:
    """The path under which the app is mounted; empty for a server's own."""
    return quote(request.scope.get("root_path", "").rstrip("/"))


def path(request: Request) -> str:
    """The path that was asked for, without `root`, as a URL has it."""
    asked: str = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return quote(asked, safe="/~")
