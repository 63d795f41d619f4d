"""Status machines of real products, written down by others: what they allow is what a trace allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orderfsm import Chart, Refused, enabled, step, trace
from orderfsm.chart import Guard, Kind, State, Transition

NAMES = (
    *("ofbiz-customer-return", "ofbiz-order", "ofbiz-order-item", "ofbiz-payment-preference", "ofbiz-supplier-return"),
    *("shopware-capture", "shopware-capture-refund", "shopware-order-delivery", "solidus-inventory-unit"),
    *("solidus-return-authorization", "solidus-shipment", "sylius-order-shipping", "sylius-payment"),
    *("sylius-payment-request", "sylius-product-review", "sylius-shipment"),
)


@pytest.fixture(params=NAMES)
def product(request: pytest.FixtureRequest, corpora: Path) -> dict[str, Any]:
    """A product's machine as it was written down."""
    read: dict[str, Any] = json.loads((corpora / "products" / f"{request.param}.json").read_text("utf-8"))
    return read


def chart(product: dict[str, Any], initial: str) -> Chart:
    """The machine as a chart that begins in `initial`."""
    leaving = {arrow["from"] for arrow in product["transitions"]}
    states = tuple(State(name, Kind.ATOMIC if name in leaving else Kind.FINAL) for name in product["states"])
    return Chart(product["id"], states, tuple(map(arrow, product["transitions"])), initial=(initial,))


def arrow(written: dict[str, Any]) -> Transition:
    guards = (Guard(name=str(written["guard"])),) if written.get("guard") else ()
    return Transition(written["from"], (written["event"],), (written["to"],), guards=guards)


def legal(chart: Chart, before: str, after: str) -> bool:
    try:
        trace(chart, [before, after])
    except Refused:
        return False
    return True


def test_two_states_follow_each_other_exactly_where_the_product_says_so(product: dict[str, Any]) -> None:
    said = {(before, after) for before, after in product["legal_pairs"]}
    for before in product["states"]:
        begun = chart(product, before)
        found = {(before, after) for after in product["states"] if legal(begun, before, after)}
        assert found == {pair for pair in said if pair[0] == before}


def test_an_event_is_refused_where_the_product_says_so(product: dict[str, Any]) -> None:
    for illegal in product.get("illegal_event_state", ()):
        event, state = (illegal["event"], illegal["state"]) if isinstance(illegal, dict) else illegal
        begun = chart(product, state)
        assert event not in enabled(begun, state)
        with pytest.raises(Refused):
            step(begun, state, event)
