"""The pages in a real Chromium: by keyboard and by mouse, small and large, light and dark, without a script."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import Session

import kept_browser
from kept_browser import Browser, save
from kept_http import serving
from orderfsm.history import Actor, Reason
from orderfsm.http import dream_junction, stat
from orderfsm.http.pages import router
from orderfsm.http.tokens import Tokens
from orderfsm.sqlmodel import engine

pytestmark = pytest.mark.skipif(
    kept_browser.FOUND is None, reason="there is no chromium here; tests/browser/install.sh installs it"
)

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"

CONTRAST = """
(() => {
  const parse = colour => colour.match(/[\\d.]+/g).map(Number);
  const part = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const shine = colour => 0.2126 * part(colour[0]) + 0.7152 * part(colour[1]) + 0.0722 * part(colour[2]);
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || !element.checkVisibility()) continue;
    const [one, other] = [shine(parse(getComputedStyle(element).color)), shine(ground(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) weak.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return weak;
})()
"""

SMALL = """
[...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")]
  .filter(each => each.checkVisibility() && !each.matches(".skip") && getComputedStyle(each).display !== "inline")
  .filter(each => (box => box.width < 24 || box.height < 24)(each.getBoundingClientRect()))
  .map(each => each.outerHTML.slice(0, 80))
"""

SQUEEZED = """
(() => {
  const squeezed = [], range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (text.length < 9 || !element.checkVisibility() || element.closest(".away, thead, textarea, option")) continue;
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    if (box.width < 48) squeezed.push(`${text.slice(0, 40)}: ${box.width}`);
  }
  return squeezed;
})()
"""

FOCUS = """
(() => {
  const here = document.activeElement, style = getComputedStyle(here), box = here.getBoundingClientRect();
  return {
    tag: here.tagName, text: (here.innerText || here.getAttribute("aria-label") || here.name || "").trim(),
    outline: parseFloat(style.outlineWidth), style: style.outlineStyle,
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
})()
"""


@dataclass
class Site:
    """A server with demonstration orders, and a browser."""

    url: str
    tokens: dict[str, str]
    browser: Browser

    def enter(self, who: str) -> None:
        """Sign in, as whoever was signed in before."""
        self.browser.ask("Network.clearBrowserCookies")
        self.browser.open(f"{self.url}/sign-in")
        self.browser.run("document.querySelector('#token').focus()")
        self.browser.type(self.tokens[who])
        self.go(self.browser.enter)

    def open(self, path: str) -> None:
        self.browser.open(self.url + path)

    def go(self, act: Any) -> None:
        """Do what leads to another page, and wait for it."""
        self.browser.leave()
        act()
        self.browser.arrive()

    def text(self, selector: str = "main") -> str:
        return str(self.browser.run(f"document.querySelector({selector!r}).innerText"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    database = engine(f"sqlite:///{folder}/site.db", durability="relaxed")
    sessions, tokens = partial(Session, database), Tokens(folder / "tokens")
    for module in (stat, dream_junction):
        module.create(database)
        module.demo(sessions)
    with sessions() as session:
        orders = stat.lifecycle("stat/order")
        order = session.get_one(stat.ImageryOrder, 3)
        order.product_id = HOSTILE
        orders.send(session, order, "resume", actor=Actor("provider"), reason=Reason(HOSTILE, HOSTILE * 3))
        session.commit()
    secrets = {
        "provider": tokens.add("demo-provider", ["stat/provider", "dream_junction/provider"]),
        "customer": tokens.add("demo-customer", ["stat/customer", "dream_junction/customer"]),
        "both": tokens.add("both", ["stat/provider", "stat/customer"]),
    }
    app = FastAPI()
    app.include_router(router(shelves=[stat.shelf(), dream_junction.shelf()], sessions=sessions, tokens=tokens))
    with serving(app) as url, kept_browser.browser() as browser:
        browser.look()
        yield Site(url, secrets, browser)
    database.dispose()


PATHS = {
    "board": "/",
    "list": "/orders/stat/order",
    "order": "/orders/stat/order/2",
    "hostile": "/orders/stat/order/3",
    "ended": "/orders/stat/order/5",
    "shipping": "/orders/dream_junction/order/3",
    "absent": "/orders/stat/order/999",
    "sign-in": "/sign-in",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1000, 1280])
@pytest.mark.parametrize("name", PATHS)
def test_a_page_can_be_read_at_every_size_by_day_and_by_night(site: Site, name: str, width: int, scheme: str) -> None:
    browser = site.browser
    if name == "sign-in":
        browser.ask("Network.clearBrowserCookies")
    else:
        site.enter("provider")
    browser.look(width=width, scheme=scheme)
    site.open(PATHS[name])
    save(browser.picture(), f"{name}-{width}-{scheme}")
    browser.run("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(CONTRAST) == []
    assert browser.run(SMALL) == []
    assert browser.run(SQUEEZED) == []
    browser.look()


def test_light_and_dark_are_two_looks(site: Site) -> None:
    site.enter("provider")
    looks = []
    for scheme in ("light", "dark"):
        site.browser.look(scheme=scheme)
        site.open("/orders/stat/order/2")
        looks.append(site.browser.run("getComputedStyle(document.body).backgroundColor"))
    site.browser.look()
    assert looks == ["rgb(244, 246, 249)", "rgb(17, 22, 29)"]


def test_everything_can_be_done_by_keyboard_and_the_focus_is_seen(site: Site) -> None:
    browser = site.browser
    browser.ask("Network.clearBrowserCookies")
    site.open("/sign-in?next=/orders/stat/order/1")
    browser.tab()
    assert browser.run(FOCUS)["text"] == "Skip to the content"
    browser.enter()
    browser.wait("location.hash === '#main'")
    browser.tab()
    assert browser.run("document.activeElement.id") == "token"
    browser.type(site.tokens["provider"])
    site.go(browser.enter)
    assert browser.run("location.pathname") == "/orders/stat/order/1"
    walked = []
    while (here := focused(site))["text"] != "Accept the order":
        walked.append(here)
        assert len(walked) < 60, walked
    assert all(
        each["outline"] >= 2 and each["style"] == "solid" and each["seen"] for each in walked if each["tag"] != "BODY"
    )
    site.go(browser.enter)
    assert "Recorded: Accept the order" in site.text(".notice")
    assert site.text(".state .code") == "accepted"


def focused(site: Site) -> dict[str, Any]:
    """What has the focus after one more Tab."""
    site.browser.tab()
    return dict(site.browser.run(FOCUS))


def test_a_double_click_sends_once(site: Site) -> None:
    browser = site.browser
    site.enter("provider")
    site.open("/orders/dream_junction/order/1")
    before = browser.run("document.querySelectorAll('.history tbody tr').length")
    site.go(lambda: browser.click("form.event button", times=2))
    browser.wait("document.readyState === 'complete' && document.querySelector('.notice') !== null")
    assert "Recorded: Release to production" in site.text(".notice")
    site.open("/orders/dream_junction/order/1")
    assert browser.run("document.querySelectorAll('.history tbody tr').length") == before + 1


def test_a_form_whose_first_answer_was_lost_counts_once(site: Site) -> None:
    browser = site.browser
    site.enter("both")
    browser.ask("Page.setBypassCSP", enabled=True)
    site.open("/orders/stat/order/2?as=provider")
    lost = (
        "(form => fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))}))"
        "(document.querySelector('form.event')).then(answer => answer.url)"
    )
    sent = browser.ask("Runtime.evaluate", expression=lost, awaitPromise=True, returnByValue=True)["result"]["value"]
    browser.ask("Page.setBypassCSP", enabled=False)
    site.go(lambda: browser.run("document.querySelector('form.event button').click()"))
    assert "Recorded: " in site.text(".notice")
    assert browser.run("location.href") == sent


def test_a_stale_page_keeps_what_was_typed(site: Site) -> None:
    browser = site.browser
    site.enter("both")
    hold = "[...document.querySelectorAll('form.event')].find(form => form.event.value === 'hold')"
    elsewhere = (
        "fetch('/orders/stat/order/2?as=provider').then(r => r.text()).then(t => {"
        " const form = new DOMParser().parseFromString(t, 'text/html').querySelector('form.event');"
        " return fetch(form.getAttribute('action'), {method: 'POST', body: new URLSearchParams(new FormData(form))});"
        "}).then(r => r.status)"
    )
    browser.ask("Page.setBypassCSP", enabled=True)
    site.open("/orders/stat/order/2?as=provider")
    browser.run(f"{hold}.querySelector('details').open = true; {hold}.reason_text.focus()")
    browser.type("The operator\nwants to look")
    sent = browser.ask("Runtime.evaluate", expression=elsewhere, awaitPromise=True, returnByValue=True)
    browser.ask("Page.setBypassCSP", enabled=False)
    assert sent["result"]["value"] == 200
    site.go(lambda: browser.run(f"{hold}.querySelector('button').click()"))
    assert "Not sent: the order has moved on" in site.text(".notice")
    assert browser.run(f"{hold}.reason_text.value") == "The operator\nwants to look"
    assert browser.run(f"{hold}.querySelector('details').open") is True
    site.go(lambda: browser.run(f"{hold}.querySelector('button').click()"))
    assert "Recorded: Hold for manual review" in site.text(".notice")


def test_no_script_runs_and_nothing_comes_from_elsewhere(site: Site) -> None:
    browser = site.browser
    site.enter("provider")
    browser.told.clear()
    for path in ("/", "/orders/stat/order", "/orders/stat/order/3", "/orders/stat/order/3/diagram.svg"):
        site.open(path)
        assert browser.run("window.hacked") is None
    asked = [each["params"]["request"]["url"] for each in browser.told if each["method"] == "Network.requestWillBeSent"]
    assert asked
    assert {url.removeprefix(site.url)[:1] for url in asked} == {"/"}
    complaints = [each["params"]["entry"] for each in browser.told if each["method"] == "Log.entryAdded"]
    assert [each for each in complaints if each["level"] in ("warning", "error")] == []


def test_the_policy_stops_what_would_come_through(site: Site) -> None:
    browser = site.browser
    site.enter("provider")
    site.open("/")
    insert = (
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked = 3'}));"
        "document.body.append(Object.assign(document.createElement('img'), {src: 'https://evil.example/x'}));"
        "document.body.insertAdjacentHTML('beforeend', `<p id=painted style='color: red'>x</p>`)"
    )
    browser.told.clear()
    browser.run(insert)
    browser.wait("document.querySelector('#painted') !== null")
    assert browser.run("window.hacked") is None
    assert browser.run("getComputedStyle(document.querySelector('#painted')).color") != "rgb(255, 0, 0)"
    browser.run("1")
    refused = [each["params"]["entry"]["text"] for each in browser.told if each["method"] == "Log.entryAdded"]
    assert any("script" in text.lower() for text in refused)


def test_the_pages_work_where_scripts_are_switched_off(site: Site) -> None:
    browser = site.browser
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        site.enter("provider")
        site.open("/orders/stat/order/3")
        browser.click("form.event details summary")
        assert browser.run("document.querySelector('form.event details').open") is True
        site.go(lambda: browser.click("form.event button"))
        assert "Recorded: " in site.text(".notice")
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)


def test_the_picture_is_seen_and_shows_where_the_order_is(site: Site) -> None:
    site.enter("provider")
    for number in (4, 5):
        site.open(f"/orders/stat/order/{number}")
        assert site.browser.run("document.querySelector('figure img').naturalWidth") > 100
    site.open("/orders/stat/order/5/diagram.svg")
    assert site.browser.run("document.documentElement.tagName") == "svg"
    assert "completed" in site.browser.run("document.documentElement.textContent")


@pytest.mark.parametrize("width", [320, 1280])
def test_who_listens_hears_landmarks_tables_and_names(site: Site, width: int) -> None:
    site.enter("provider")
    site.browser.look(width=width)
    site.open("/orders/stat/order/4")
    nodes = site.browser.ask("Accessibility.getFullAXTree")["nodes"]
    site.browser.look()
    heard = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]]
    roles = [role for role, _ in heard]
    assert [roles.count(role) for role in ("banner", "main", "contentinfo")] == [1, 1, 1]
    assert ("navigation", "You are here") in heard
    assert ("table", "What has happened, the last entry first") in heard
    assert {"columnheader", "row", "rowheader", "cell"} <= set(roles)
    nameless = {"button", "link", "image", "textbox", "combobox", "table", "navigation", "heading", "region"}
    assert [role for role, name in heard if role in nameless and not name.strip()] == []
    history = next(n for n in nodes if n["role"]["value"] == "table" and not n["ignored"])
    assert history is not None


def test_whoever_signs_out_is_out(site: Site) -> None:
    browser = site.browser
    site.enter("provider")
    site.open("/orders/stat/order/4")
    site.go(lambda: browser.click("form.leave button"))
    assert browser.run("location.pathname") == "/sign-in"
    browser.ask("Page.navigateToHistoryEntry", entryId=browser.ask("Page.getNavigationHistory")["entries"][-2]["id"])
    browser.wait("location.pathname === '/sign-in' && document.readyState === 'complete'")
    site.open("/orders/stat/order/4")
    assert browser.run("location.pathname + location.search") == "/sign-in?next=/orders/stat/order/4"
