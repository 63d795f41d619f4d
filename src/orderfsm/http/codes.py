"""The codes of problem documents that no error of the library has: what HTTP adds."""

from __future__ import annotations

__all__ = ["HTTP_CODES"]

MALFORMED = (
    "The body is no JSON that means one thing: not UTF-8, nested too deep, a member named twice, an integer of more "
    "than 64 bits, NaN, a NUL character or half of a surrogate pair."
)

HTTP_CODES: dict[str, tuple[int, str]] = {
    "absent": (404, "There is no such order, or it is not for whoever asks: nobody can tell which."),
    "body-malformed": (400, MALFORMED),
    "body-too-large": (413, "The body has more bytes than are read. Send less."),
    "database-busy": (503, "The database is busy or cannot be reached; nothing was written. Send it again soon."),
    "entry-absent": (404, "The order has no history entry of this sequence."),
    "idempotency-key-malformed": (400, "Idempotency-Key is one text of 1 to 255 ASCII characters, in quotes or bare."),
    "idempotency-key-missing": (400, "The service asks for an Idempotency-Key. Send a new one with each new request."),
    "if-match-malformed": (400, 'If-Match is a list of entity tags in quotes, such as `"3"`, or `*`.'),
    "if-match-missing": (428, "The service asks for If-Match. Send the ETag of the order as you have seen it."),
    "method-not-allowed": (405, "The path does not know the method; `Allow` has those that it knows."),
    "order-refused": (409, "The tables do not take the new order: it is there already, or what it refers to is not."),
    "request-invalid": (
        422,
        "A parameter or a part of the body does not fit. `errors` says where and why.",
    ),
    "request-malformed": (400, "The URL holds what no text can hold, such as a NUL character."),
    "request-refused": (400, "The application refused the request, with a status and a sentence of its own."),
    "request-running": (409, "A request with the same idempotency key is running. Send it again in a moment."),
    "revision-stale": (412, "The order has moved on from the revision in If-Match. Read it again and decide again."),
    "role-needed": (403, "You have several roles here. Say in which you ask: `as`."),
    "role-refused": (403, "You do not have the role that `as` names."),
    "unauthenticated": (401, "Nobody has said who asks, or the credential is unknown."),
}
"""Code -> HTTP status, and what it means and asks for."""
