"""The lives that the five sources tell of, as scripts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from orderfsm.history import Actor, Link, Reason

from .script import Act, Life, Vocabulary

__all__ = ["VOCABULARIES"]

DAY = timedelta(days=1)

# --- Ethernet services (CableLabs, ATIS-OBF, MEF)

CABLELABS = Vocabulary(
    "cablelabs/order",
    datetime(2016, 10, 3, 9, tzinfo=UTC),
    "Nine words, one state diagram. An order with items COMPLETED and IN_PROGRESS is IN_PROGRESS.",
    (
        Life(
            "two items are delivered, and the order follows them",
            ("ACKNOWLEDGED", "IN_PROGRESS", "COMPLETED"),
            (
                Act("complete", "seller", refused="not-enabled", wanted="COMPLETED"),
                Act("start", "seller", item=1),
                Act("start", "seller", item=2),
                Act("complete", "seller", item=1, later=DAY),
                Act("complete", "seller", item=2, later=DAY),
                Act("amend", "buyer", payload={"buyerOrderVersion": "2"}, refused="not-enabled"),
            ),
            "buyer",
            items=2,
            data={"buyerOrderVersion": "1"},
        ),
        Life(
            "one item is delivered, one fails",
            ("ACKNOWLEDGED", "IN_PROGRESS", "PARTIAL"),
            (
                Act("start", "seller", item=1),
                Act("start", "seller", item=2),
                Act("complete", "seller", item=1, later=DAY),
                Act("fail", "seller", item=2, later=DAY),
            ),
            "buyer",
            items=2,
        ),
        Life(
            "asked, blocked and partly delivered",
            ("ACKNOWLEDGED", "IN_PROGRESS", "PENDING", "PENDING", "IN_PROGRESS", "HELD", "IN_PROGRESS", "PARTIAL"),
            (
                Act("block", "seller", refused="not-enabled", wanted="HELD"),
                Act("start", "seller"),
                Act("request_information", "seller", reason=Reason("FMT002", "Desired Completion Date Invalid")),
                Act("amend", "buyer", payload={"buyerOrderVersion": "1"}, refused="guard-refused"),
                Act("amend", "buyer", payload={"buyerOrderVersion": "2"}),
                Act("receive_information", "seller"),
                Act("block", "seller", reason=Reason("JEP001", "No access to the customer's location")),
                Act("release", "buyer", refused="not-enabled"),
                Act("resolve_issue", "seller", later=2 * DAY),
                Act("complete_partially", "seller", later=DAY),
            ),
            "buyer",
            data={"buyerOrderVersion": "1"},
            shown=True,
        ),
        Life(
            "the buyer holds and releases the order, then cancels it",
            ("ACKNOWLEDGED", "IN_PROGRESS", "HELD", "IN_PROGRESS", "CANCELLED"),
            (
                Act("start", "seller"),
                Act("hold", "buyer"),
                Act("release", "seller", refused="not-permitted"),
                Act("release", "buyer"),
                Act("cancel", "seller", refused="not-permitted"),
                Act("cancel", "buyer", reason=Reason(None, "The site was given up.")),
            ),
            "buyer",
        ),
        Life(
            "the correction does not arrive in time",
            ("ACKNOWLEDGED", "IN_PROGRESS", "PENDING", "CANCELLED"),
            (
                Act("start", "seller"),
                Act("request_information", "seller"),
                Act("expire_correction", "system", refused="guard-refused"),
                Act("expire_correction", "system", later=2 * DAY, reason=Reason(None, "Correction Order not received")),
            ),
            "buyer",
            data={"correctionOrderDueDate": "2016-10-05T08:00+01:00"},
        ),
        Life("an order that fails validation", ("REJECTED",), (), "seller", opening="refuse_submission"),
    ),
    item_actor="seller",
)

# --- satellite tasking (STAT)

ASSET = Link("delivered-asset", "https://example.org/assets/1", "image/tiff", "The first scene")
MANIFEST = Link("delivery-manifest", "https://example.org/manifests/1")

STAT = Vocabulary(
    "stat/order",
    datetime(2024, 4, 18, 9, tzinfo=UTC),
    'State machine intent: "Received -> accepted or rejected. Accepted -> completed or cancel."',
    (
        Life(
            "accepted and delivered",
            ("received", "accepted", "completed"),
            (
                Act("complete", "provider", refused="not-enabled", wanted="completed"),
                Act("accept", "customer", refused="not-permitted"),
                Act("accept", "provider"),
                Act("complete", "provider", later=3 * DAY, links=(ASSET, MANIFEST)),
                Act("cancel", "provider", refused="not-enabled"),
            ),
            "customer",
        ),
        Life(
            "not accepted",
            ("received", "rejected"),
            (
                Act("reject", "provider", reason=Reason("invalid_geometry", "The area crosses the antimeridian.")),
                Act("accept", "provider", refused="not-enabled", wanted="accepted"),
            ),
            "customer",
        ),
        Life(
            "held, resumed, and delivered in two parts",
            (
                *("received", "reserved", "held", "reserved", "accepted", "scheduled", "tasked"),
                *("processing", "processing", "completed"),
            ),
            (
                Act("require_customer_action", "provider"),
                Act("hold", "provider"),
                Act("schedule", "provider", refused="not-enabled", wanted="scheduled"),
                Act("resume", "provider", later=DAY),
                Act("accept", "provider"),
                Act("schedule", "provider"),
                Act("task", "provider", later=DAY),
                Act("process", "provider"),
                Act("process", "provider", reason=Reason("partial_delivery", "1 of 2 scenes"), links=(ASSET,)),
                Act("complete", "provider", later=DAY, links=(MANIFEST,)),
            ),
            "customer",
            shown=True,
        ),
        Life(
            "given up for clouds",
            ("received", "accepted", "canceled"),
            (
                Act("accept", "provider"),
                Act("cancel", "provider", later=5 * DAY, reason=Reason("cloud_cover", "90 % on every pass")),
            ),
            "customer",
        ),
    ),
)

# --- software licences (Adobe VIP Marketplace)


def returned(*lines: int) -> dict[str, object]:
    """The payload of a return of whole lines."""
    items = [{"extLineItemNumber": line, "offerId": "80004567EA01A12", "quantity": 1} for line in lines]
    return {"referenceOrderId": "0123456789", "lineItems": items}


ADOBE = Vocabulary(
    "adobe/order",
    datetime(2019, 5, 2, 22, 49, 54, tzinfo=UTC),
    "Four-digit codes. Lines can be returned within 14 days of placing the order; 1008 when all of them are.",
    (
        Life(
            "two lines returned one after the other, within 14 days",
            ("1002", "1000", "1000", "1000", "1008"),
            (
                Act("return_lines", "partner", payload=returned(1), refused="not-enabled", wanted="1008"),
                Act("fulfil", "adobe", item=1),
                Act("fulfil", "adobe", item=2),
                Act("return_lines", "partner", payload=returned(1), later=3 * DAY),
                Act("return", "adobe", item=1),
                Act("return", "adobe", item=1, refused="not-enabled"),
                Act("return_lines", "partner", payload=returned(2), later=5 * DAY),
                Act("return", "adobe", item=2),
                Act("return_lines", "partner", payload=returned(2), refused="not-enabled"),
            ),
            "partner",
            items=2,
            shown=True,
        ),
        Life(
            "a return on day 15",
            ("1002", "1000"),
            (
                Act("fulfil", "adobe"),
                Act("return_lines", "partner", payload=returned(1), later=15 * DAY, refused="guard-refused"),
            ),
            "partner",
        ),
        Life(
            "fulfilment fails", ("1002", "1004"), (Act("fail", "adobe", reason=Reason("GENERIC_FAILURE")),), "partner"
        ),
        Life(
            "the customer id is invalid",
            ("1002", "1026"),
            (
                Act("fail_customer_id_invalid", "adobe", reason=Reason("RESELLER_INACTIVE"), refused="reason-needed"),
                Act("fail_customer_id_invalid", "adobe", reason=Reason("CUSTOMER_ID_INVALID")),
            ),
            "partner",
        ),
    ),
    item_actor="partner",
)

# --- print on demand (Dream Junction)

PARCEL = {
    "shipping_method": "Smartmail Expedited",
    "tracking_number": "9374869903500930473876",
    "search_link": "https://example.org/track/9374869903500930473876",
}

DREAM_JUNCTION = Vocabulary(
    "dream_junction/order",
    datetime(2014, 6, 30, 23, 56, 24, tzinfo=timezone(-timedelta(hours=7))),
    'shipped_at is "Present if the order has shipped"; in production it is too late to cancel.',
    (
        Life(
            "made and shipped",
            ("received", "open", "open", "packaged", "shipped"),
            (
                Act("release", "provider"),
                Act("cancel", "customer", refused="not-enabled"),
                Act("update", "customer", payload={"ship_method": "Ground"}),
                Act("package", "provider", item=1),
                Act("package", "provider", item=2),
                Act("update", "customer", payload={"ship_method": "Air"}, refused="not-enabled"),
                Act("ship", "provider", payload={"shipments": [PARCEL]}, refused="payload-invalid"),
                Act("ship", "provider", payload={"shipped_at": "2014-07-01T12:21:24.691-07:00", "shipments": [PARCEL]}),
            ),
            "customer",
            items=2,
            shown=True,
        ),
        Life(
            "canceled in time",
            ("received", "canceled"),
            (Act("cancel", "customer"), Act("cancel", "customer", refused="not-enabled")),
            "customer",
        ),
        Life(
            "one item canceled, the other packaged",
            ("received", "open", "packaged"),
            (
                Act("release", "provider"),
                Act("cancel", "provider", item=1),
                Act("package", "provider", item=2),
                Act("cancel", "provider", item=2, refused="not-enabled"),
            ),
            "customer",
            items=2,
        ),
    ),
    item_actor="customer",
)

# --- records (Record Stack Overflow)

CUSTOMER, OTHER_CUSTOMER = Actor("customer", "c-1"), Actor("customer", "c-2")
MERCHANT, OTHER_MERCHANT = Actor("merchant", "m-1"), Actor("merchant", "m-2")
OWNERS = {"created_by": "c-1", "merchant_id": "m-1"}

RECORDS = Vocabulary(
    "record_stack_overflow/order",
    datetime(2019, 2, 12, 2, 16, 49, tzinfo=UTC),
    '"Delete orders only when the order status is In progress"; customers delete, merchants update, what is theirs.',
    (
        Life(
            "deleted by its customer",
            ("In progress", "Cancelled"),
            (
                Act("cancel", MERCHANT, refused="not-permitted"),
                Act("cancel", OTHER_CUSTOMER, refused="guard-refused"),
                Act("cancel", CUSTOMER),
                Act("cancel", CUSTOMER, refused="not-enabled"),
            ),
            CUSTOMER,
            data=OWNERS,
            shown=True,
        ),
        Life(
            "updated and completed by its merchant",
            ("In progress", "In progress", "Completed"),
            (
                Act("update", CUSTOMER, payload={"comments": ["sooner, please"]}, refused="not-permitted"),
                Act("update", OTHER_MERCHANT, payload={"comments": ["mine now"]}, refused="guard-refused"),
                Act("update", MERCHANT, payload={"comments": ["signed copy"]}),
                Act("complete", MERCHANT, later=2 * DAY),
                Act("cancel", CUSTOMER, refused="not-enabled", wanted="Cancelled"),
            ),
            CUSTOMER,
            data=OWNERS,
        ),
    ),
)

VOCABULARIES = (CABLELABS, STAT, ADOBE, DREAM_JUNCTION, RECORDS)
"""The five vocabularies, in the order of their sources."""
