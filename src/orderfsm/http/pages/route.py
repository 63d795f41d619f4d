"""Routes whose failures are pages, and whose bodies are forms."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from orderfsm.http.failure import Failure, Rejected
from orderfsm.http.route import Route
from orderfsm.http.strict import verify_texts

from .paper import page, path, root

__all__ = ["Form", "PageRoute", "form", "signed_out"]

HEADLINES = {
    400: "That was not understood",
    403: "Not allowed",
    404: "There is no such page",
    405: "Not like this",
    413: "That is too much",
    415: "That was not understood",
    503: "Not now",
}
SAID = {
    404: "Nothing is here, or nothing that you may see.",
    405: "This address is not for that kind of request.",
}


class PageRoute(Route):
    """A route of a page."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, those with a method that the path does not know as well."""
        methods = self.methods or set()
        if scope["method"] in methods:
            await super().handle(scope, receive, send)
            return
        failure = Failure(405, "method-not-allowed", "", headers={"Allow": ", ".join(sorted(methods))})
        await self.tell(Request(scope), failure)(scope, receive, send)

    @staticmethod
    def tell(request: Request, failure: Failure) -> Response:
        """A page that says what went wrong; the sign-in page for whoever has not said who asks."""
        if failure.status == 401:
            return RedirectResponse(f"{root(request)}/sign-in?next={path(request)}", 303, {"Cache-Control": "no-store"})
        values = {
            "headline": HEADLINES.get(failure.status, "Something is wrong here"),
            "said": SAID.get(failure.status, failure.message),
        }
        return page(request, "problem.html", values, status=failure.status, headers=failure.headers)


def signed_out() -> Rejected:
    """A request of somebody who is not signed in, or no longer."""
    return Rejected(401, "signed-out", "sign in first")


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed: the fields in the order of the form, a name with each."""

    fields: tuple[tuple[str, str], ...]

    def one(self, name: str, most: int = 255) -> str:
        """The value of a field, empty when it is not there; raises Rejected when it has more characters."""
        value = next((value for field, value in self.fields if field == name), "")
        if len(value) > most:
            raise Rejected(400, "form-malformed", f"A field has more than {most} characters; send less.")
        return value

    def all(self, name: str) -> list[str]:
        """The values of a field that comes several times."""
        return [value for field, value in self.fields if field == name]


async def form(request: Request) -> Form:
    """The form that a request brings; raises Rejected for any other body."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Rejected(415, "form-missing", "Only the forms of these pages are read here.")
    try:
        text = (await request.body()).decode()
        fields = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:  # of which a UnicodeDecodeError is one
        raise Rejected(400, "form-malformed", "The form cannot be read; go back and send it again.") from None
    verify_texts([list(pair) for pair in fields])
    return Form(tuple((name, value.replace("\r\n", "\n").replace("\r", "\n")) for name, value in fields))
