"""OpenTelemetry: a span for each request and a histogram of how long they took. Exporters are the SDK's business."""

from __future__ import annotations

from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .observe import Told, template

__all__ = ["Traced", "duration"]


class Traced:
    """An app whose requests are spans, children of the one that the client names; names and attributes as agreed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tracer = trace.get_tracer("orderfsm.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        parent = propagate.extract(Headers(scope=scope))
        with self._tracer.start_as_current_span(method, parent, kind=SpanKind.SERVER) as span:
            span.set_attribute("http.request.method", method)
            await self._app(scope, receive, self._told(span, scope, send))

    @staticmethod
    def _told(span: Span, scope: Scope, send: Send) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                status, route = message["status"], template(scope)
                span.set_attribute("http.response.status_code", status)
                if route:
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.route", route)
                if status >= 500:
                    span.set_status(Status(StatusCode.ERROR))
            await send(message)

        return answer


def duration() -> Told:
    """What `Observed` tells of each request, as the agreed histogram, in seconds."""
    meter = metrics.get_meter("orderfsm.http")
    histogram = meter.create_histogram("http.server.request.duration", "s", "How long requests took.")

    def told(method: str, route: str, status: int, seconds: float) -> None:
        histogram.record(
            seconds, {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        )

    return told
