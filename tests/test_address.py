"""Where webhooks may go."""

from __future__ import annotations

import pytest

from orderfsm.errors import NotDelivered
from orderfsm.outbox.address import is_public, target


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    ],
)
def test_addresses_that_are_not_everybodys_are_refused(address: str) -> None:
    assert is_public(address) is False


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_addresses_on_the_internet_are_public(address: str) -> None:
    assert is_public(address) is True


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org/", "begins with https, not http"),
        ("ftp://example.org/", "begins with https, not ftp"),
        ("javascript:alert(1)", "begins with https"),
        ("file:///etc/passwd", "begins with https"),
        ("//example.org/", "begins with https, not nothing"),
        ("https:///x", "has a host"),
        ("https://user:secret@example.org/", "neither credentials"),
        ("https://example.org/#x", "nor a fragment"),
        ("https://exa\tmple.org/", "no spaces, control characters"),
        ("https://example.org/a b", "no spaces"),
        ("https://example.org\\@evil.example/", "backslashes"),
        ("https://exämple.org/", "other letters"),
        ("https://example.org:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
    ],
)
def test_urls_that_will_not_do_are_refused_without_being_repeated(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        target(url, ())
    assert "secret" not in str(caught.value)
    assert "passwd" not in str(caught.value)


def test_errors_show_scheme_host_and_port_alone() -> None:
    assert target("https://example.org/hook?token=s3cret", ()).origin == "https://example.org"
    assert target("https://example.org:8443/hook", ()).origin == "https://example.org:8443"
    assert target("http://[::1]:80/", ("http",)).origin == "http://[::1]"
    assert target("https://example.org/hook?token=s3cret", ()).path == "/hook?token=s3cret"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:7f00:1]", "169.254.169.254"]
)
def test_a_host_at_an_address_of_ours_is_refused_however_it_is_written(host: str) -> None:
    there = target(f"https://{host}/", ())
    with pytest.raises(NotDelivered, match="is not a public address; allow it if it is meant"):
        there.addresses(())
    assert there.addresses(("private",))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3", "[::1]", "2130706433"])
def test_loopback_allows_this_host_by_either_scheme(host: str) -> None:
    for scheme in ("http", "https"):
        assert target(f"{scheme}://{host}/", ("loopback",)).addresses(("loopback",))


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "[fe80::1]", "[fc00::1]"])
def test_loopback_allows_no_other_private_address(host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(NotDelivered, match="is not a public address"):
            target(f"{scheme}://{host}/", ("loopback",)).addresses(("loopback",))


def test_plain_http_that_loopback_allows_does_not_leave_the_host() -> None:
    with pytest.raises(NotDelivered, match="is not for plain HTTP"):
        target("http://1.1.1.1/", ("loopback",)).addresses(("loopback",))
    assert target("http://1.1.1.1/", ("loopback", "http")).addresses(("loopback", "http")) == ["1.1.1.1"]
    assert target("https://1.1.1.1/", ("loopback",)).addresses(("loopback",)) == ["1.1.1.1"]


def test_a_host_that_does_not_exist_is_a_failed_attempt() -> None:
    with pytest.raises(NotDelivered, match="its address was not found"):
        target("https://nowhere.invalid/", ()).addresses(())
