"""Bodies as JSON or as forms: `billing_info[0][billing_city]` or `billing_city`, `comments` once or often."""

from __future__ import annotations

import re
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from orderfsm.http.failure import Rejected
from orderfsm.http.strict import verify_texts

__all__ = ["fields"]

NESTED = re.compile(r"(shipping_info|billing_info|merchant_info)(?:\[0\])?\[(\w{1,64})\]")
COMMENTS = re.compile(r"comments(?:\[\d{0,3}\])?")
GROUPS = {
    "shipping_info": ("shipping_address1", "shipping_address2", "shipping_city", "shipping_state", "shipping_zip"),
    "billing_info": (
        "paypal_email",
        "billing_address1",
        "billing_address2",
        "billing_city",
        "billing_state",
        "billing_zip",
    ),
    "merchant_info": ("merchant_id", "companyName", "primaryContact", "phoneNumber"),
}
GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}


async def fields(request: Request) -> dict[str, Any]:
    """The fields of a body, each group as one object and the comments as a list; others are left out."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        found = await request.json() if await request.body() else {}
        if not isinstance(found, dict):
            raise Rejected(400, "body-malformed", "The body is no object")
        return _grouped(found)
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return _unfolded(await _form(request))
    if await request.body():
        raise Rejected(400, "body-malformed", "Send application/json or application/x-www-form-urlencoded")
    return {}


async def _form(request: Request) -> list[tuple[str, str]]:
    async with request.form(max_files=0, max_fields=200) as form:
        pairs = [(name, value) for name, value in form.multi_items() if not isinstance(value, UploadFile)]
    verify_texts([list(pair) for pair in pairs])
    return pairs


def _unfolded(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """A form as JSON would have it."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        nested = NESTED.fullmatch(name)
        if nested:
            found.setdefault(nested[1], {})[nested[2]] = value
        elif COMMENTS.fullmatch(name):
            found.setdefault("comments", []).append(value)
        else:
            found[name] = value
    return _grouped(found)


def _grouped(given: dict[str, Any]) -> dict[str, Any]:
    """Groups as objects: they come as an object, as a list of one, or as fields that stand alone."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name in GROUPS:
            found[name] = value[0] if isinstance(value, list) and len(value) == 1 else value
        elif name == "comments":
            found[name] = [value] if isinstance(value, str) else value
    for name, value in given.items():
        group = GROUP_OF.get(name)
        if group and isinstance(found.setdefault(group, {}), dict):
            found[group] |= {name: value}
    return found
