"""Signatures of webhooks: the example of the standard, rotation, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfsm.errors import BadSignature
from orderfsm.outbox.signature import Secrets, verify

OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
NEW = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOW = datetime(2026, 3, 1, tzinfo=UTC)
BODY = b'{"id": "17:2:1"}'


def test_it_signs_like_the_example_in_the_standards_documentation() -> None:
    secrets = Secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = secrets.sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_signature_is_verified_whatever_the_case_of_the_headers() -> None:
    headers = {name.title(): value for name, value in Secrets(NEW).sign("17:2:1", NOW, BODY).items()}
    assert verify(headers, BODY, NEW, now=NOW) == "17:2:1"


def test_while_secrets_are_rotated_either_side_may_have_both() -> None:
    both = Secrets([NEW, OLD]).sign("1", NOW, BODY)
    assert both["webhook-signature"].count("v1,") == 2
    assert verify(both, BODY, OLD, now=NOW) == verify(both, BODY, Secrets(NEW), now=NOW) == "1"
    assert verify(Secrets(OLD).sign("1", NOW, BODY), BODY, [NEW, OLD], now=NOW) == "1"


def test_bytes_are_secrets_as_they_are() -> None:
    key = b"k" * 40
    headers = Secrets(key).sign("1", NOW, BODY)
    wanted = hmac.new(key, b"1." + headers["webhook-timestamp"].encode() + b"." + BODY, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(wanted).decode()


def altered(**changes: str) -> dict[str, str]:
    return Secrets(NEW).sign("1", NOW, BODY) | {name.replace("_", "-"): value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        (altered(), BODY + b" ", "no signature"),
        (altered(webhook_id="2"), BODY, "no signature"),
        (altered(webhook_timestamp=str(int(NOW.timestamp()) + 1)), BODY, "no signature"),
        (altered(webhook_timestamp="1e9"), BODY, "not a number"),
        (altered(webhook_timestamp="٣"), BODY, "not a number"),
        (altered(webhook_timestamp="9" * 5000), BODY, "not a number"),
        (altered(webhook_signature="v1,"), BODY, "no signature"),
        (altered(webhook_signature="v1a,abc"), BODY, "no signature"),
        (altered(webhook_signature="v1,é\ud800"), BODY, "no signature"),
        (altered(webhook_signature=""), BODY, "belong to a webhook"),
        ({}, BODY, "belong to a webhook"),
    ],
)
def test_what_was_altered_is_refused(headers: dict[str, str], body: bytes, said: str) -> None:
    with pytest.raises(BadSignature, match=said):
        verify(headers, body, NEW, now=NOW)


@pytest.mark.parametrize("apart", [timedelta(seconds=301), timedelta(seconds=-301)])
def test_what_was_signed_long_ago_or_in_the_future_is_refused(apart: timedelta) -> None:
    headers = Secrets(NEW).sign("1", NOW, BODY)
    assert verify(headers, BODY, NEW, now=NOW + apart, tolerance=timedelta(minutes=6)) == "1"
    with pytest.raises(BadSignature, match="301 seconds away from now; 0:05:00 are allowed"):
        verify(headers, BODY, NEW, now=NOW + apart)


def test_an_id_cannot_lend_a_part_of_itself_to_the_timestamp() -> None:
    headers = Secrets(NEW).sign("1.5", NOW, BODY)
    stamp = headers["webhook-timestamp"]
    moved = headers | {"webhook-id": "1", "webhook-timestamp": f"5.{stamp}"}
    with pytest.raises(BadSignature):
        verify(moved, BODY, NEW, now=NOW)


@pytest.mark.parametrize("secret", ["whsec_c2hvcnQ=", "whsec_???", "", b"short", "zwölf"])
def test_a_secret_that_will_not_do_is_told_without_being_shown(secret: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"secret 2 (is not Base64|has \d+ bytes)") as caught:
        Secrets([NEW, secret])
    assert not secret or str(secret) not in str(caught.value)
    with pytest.raises(ValueError, match="no secret"):
        Secrets([])


def test_secrets_do_not_show_themselves() -> None:
    assert NEW not in repr(Secrets(NEW)) + str(vars(Secrets(NEW)).keys())


@given(id=st.text(min_size=1), body=st.binary(), signatures=st.text())
def test_nothing_that_arrives_makes_it_fail_in_another_way(id: str, body: bytes, signatures: str) -> None:
    stamp = str(int(NOW.timestamp()))
    with pytest.raises(BadSignature):
        verify({"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signatures}, body, NEW, now=NOW)
