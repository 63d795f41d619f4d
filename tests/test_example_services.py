"""The example services do what their READMEs say, and lose nothing when they are killed."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from kept_http import serving
from kept_readme import environment, server, walked
from kept_waiting import PATIENCE, wait_for

EXAMPLES = Path(__file__).parent.parent / "examples"

SECRET = "whsec_c2VjcmV0cyBhcmUgYmV0dGVyIGF0IHJhbmRvbQ=="


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], Path]:
    """A function that copies an example to a folder of its own."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")))

    return copy


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE) as made:
        yield made


# --- the book shop


def test_the_book_shop_does_what_its_readme_says(copy: Callable[[str], Path]) -> None:
    shop = copy("shop")
    with walked(shop) as walk:
        assert walk.commands == 19
    with sqlite3.connect(shop / "shop.db") as database:
        assert database.execute("SELECT reference FROM payment").fetchall() == [("bank-1",), ("bank-2",), ("bank-3",)]
        for statement in ("UPDATE purchase SET code = 'shipped'", "DELETE FROM purchase_history"):
            with pytest.raises(sqlite3.IntegrityError, match="orderfsm: "):
                database.execute(statement)
    database.close()


def test_the_last_books_are_sold_once(
    copy: Callable[[str], Path], postgres_database: Callable[[], str], client: httpx.Client
) -> None:
    """Migrated on PostgreSQL; payments and shipments come all at once, each twice."""
    shop, url = copy("shop"), postgres_database()
    assert "No new upgrade operations detected" in run(shop, "-c", MIGRATE, DATABASE_URL=url).stdout
    with server(shop, "app:app", DATABASE_URL=url) as made:
        staff, ids = {"X-Api-Key": "shop"}, [str(UUID(int=number)) for number in range(6)]
        client.put(f"{made.url}/articles/dune", headers=staff, json={"title": "Dune", "cents": 900, "stock": 4})

        def post(asked: tuple[str, dict[str, Any]]) -> int:
            path, body = asked
            return client.post(f"{made.url}/purchases/{path}", headers=staff, json=body).status_code

        def place(id: str, key: str = "anna") -> httpx.Response:
            headers, basket = {"X-Api-Key": key}, {"lines": {"dune": 1}}
            return client.put(f"{made.url}/purchases/{id}", headers=headers, json=basket)

        with ThreadPoolExecutor(8) as crowd:
            assert Counter(placed.status_code for placed in crowd.map(place, sorted(ids * 2))) == {201: 12}
            halves = [(f"{id}/payments", {"reference": f"{id}/{half}", "cents": 450}) for id in ids for half in (1, 2)]
            assert Counter(crowd.map(post, [half for half in halves for _ in range(2)])) == {201: 24}
            shipments = [(f"{id}/shipment", {"tracking": f"https://parcels.example/{id}"}) for id in ids]
            assert Counter(crowd.map(post, [parcel for parcel in shipments for _ in range(2)])) == {201: 4, 409: 8}
        assert place(ids[0], "bert").json()["code"] == "key-reused"

    assert rows(url, "SELECT stock FROM article") == [(0,)]
    assert rows(url, "SELECT code, count(*) FROM purchase GROUP BY code ORDER BY code") == [("paid", 2), ("shipped", 4)]
    assert rows(url, "SELECT DISTINCT paid_cents FROM purchase") == [(900,)]
    assert rows(url, "SELECT count(*) FROM payment") == [(12,)]
    with pytest.raises(DBAPIError, match="orderfsm: "):
        rows(url, "UPDATE purchase SET code = 'shipped' RETURNING id")


MIGRATE = """
from alembic.config import main
for command in (["upgrade", "head"], ["check"], ["downgrade", "base"], ["upgrade", "head"]):
    main(command)
"""


# --- rides


def test_rides_do_what_their_readme_says(copy: Callable[[str], Path]) -> None:
    with walked(copy("rides")) as walk:
        assert walk.commands == 12
        logged = walk.servers["http://localhost:8000"].stop()
    assert "Application shutdown complete" in logged
    assert "Traceback" not in logged


def test_rides_lose_nothing_when_the_service_is_killed(
    copy: Callable[[str], Path],
    postgres_database: Callable[[], str],
    client: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed while it is asked, offers are open and messages wait; then begun again, with somebody who listens."""
    rides, url = copy("rides"), postgres_database()
    told = {"DATABASE_URL": url, "WEBHOOK_SECRET": SECRET, "WEBHOOK_URL": "http://127.0.0.1:9/"}
    with server(rides, "app:app", **told) as made:
        asking = Asking(client, made.url)
        asking.until(12)
        made.kill()
        asking.join()
        assert asking.count >= 12
    monkeypatch.chdir(rides)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    with serving(runpy.run_path("receiver.py")["app"]) as listener:
        with server(rides, "app:app", **told | {"WEBHOOK_URL": f"{listener}/messages"}) as made:
            for number in range(1, asking.count + 1):
                asking.ask(made.url, number)  # whether or not it got through before
            wait_for(lambda: told_all(url))
            logged = made.stop()
        messages = client.get(f"{listener}/messages").json()
    assert "Traceback" not in logged

    lives = rows(url, "SELECT order_id, string_agg(event, ' ' ORDER BY sequence) FROM ride_history GROUP BY order_id")
    assert rows(url, "SELECT count(DISTINCT pickup), count(*) FROM ride") == [(asking.count, asking.count)]
    assert {events for _, events in lives} == {"open offer lapse"}
    emitted = rows(url, "SELECT order_id || ':' || sequence || ':' || position FROM ride_outbox")
    assert sorted(message["id"] for message in messages) == sorted(id for (id,) in emitted)
    for ride, _ in lives:
        assert [each["action"] for each in messages if each["ride"] == str(ride)] == ["ask_driver", "withdraw_offer"]


class Asking:
    """Wants rides, one after the other, each with a key of its own, until nobody answers."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self.count = 0
        self._client = client
        self._thread = threading.Thread(target=self._go_on, args=[url])
        self._thread.start()

    def _go_on(self, url: str) -> None:
        with suppress(httpx.TransportError):
            while True:
                self.count += 1
                self.ask(url, self.count)

    def ask(self, url: str, number: int) -> None:
        """Want a ride and have it offered; all of it may be repeated."""
        wanted = {"payload": {"pickup": f"corner {number}", "destination": "Harbour"}}
        opened = self._client.post(
            f"{url}/rides", json=wanted, headers={"X-Api-Key": "anna", "Idempotency-Key": f"k{number}"}
        )
        assert opened.status_code == 201, opened.text
        ride = f"{url}{opened.headers['location']}"
        if self._client.get(ride, headers={"X-Api-Key": "desk"}).json()["revision"] == 1:
            offered = self._client.post(f"{ride}/offers", json={"driver": "d-1"}, headers={"X-Api-Key": "desk"})
            assert offered.status_code == 201, offered.text

    def until(self, count: int) -> None:
        while self.count < count and self._thread.is_alive():
            time.sleep(0.001)

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def told_all(url: str) -> bool:
    """Whether every offer has lapsed and every message is delivered."""
    open_offers = rows(url, "SELECT count(*) FROM ride WHERE revision < 3")
    return open_offers == rows(url, "SELECT count(*) FROM ride_outbox WHERE settled_at IS NULL") == [(0,)]


def rows(url: str, query: str) -> list[Any]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


# --- the importer


def test_the_importer_does_what_its_readme_says(copy: Callable[[str], Path]) -> None:
    importer = copy("importer")
    with walked(importer) as walk:
        assert walk.commands == 4


def test_an_importer_that_is_killed_goes_on_where_it_was(
    copy: Callable[[str], Path], postgres_database: Callable[[], str]
) -> None:
    importer = copy("importer")
    with (importer / "large.jsonl").open("w") as file:
        file.writelines(f"{json.dumps(shipment(number))}\n" for number in range(200))
    for _ in range(20):  # it may be through before it is killed
        url = postgres_database()
        command = ["importer.py", "large.jsonl", "--database", url, "--chunk", "25"]
        with subprocess.Popen([sys.executable, *command], cwd=importer, stderr=subprocess.PIPE, text=True) as first:
            assert first.stderr is not None
            assert [next(first.stderr) for _ in range(2)] == ["25 rows\n", "50 rows\n"]
            first.kill()
        wait_for(lambda url=url: rows(url, SERVED) == [(0,)])  # what it had sent may still happen
        (before,) = rows(url, "SELECT rows, replayed FROM imported_file")
        if before[0] < 200:
            break
    assert 50 <= before[0] < 200

    again = run(importer, *command, status=1)
    assert f"{before[0] + 25} rows" == again.stderr.partition("\n")[0]
    assert again.stdout.endswith("replayed 180, adopted 0, known 0, refused 20\n")
    assert len((importer / "refused.csv").read_text().splitlines()) == 21
    assert rows(url, "SELECT code, count(*) FROM shipment GROUP BY code") == [("50", 180)]
    assert rows(url, "SELECT count(*) FROM shipment_history") == [(180 * 4,)]


SERVED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def test_the_importer_ends_with_what_became_of_it(copy: Callable[[str], Path]) -> None:
    importer = copy("importer")
    strict, again = "shipments.jsonl --least 0.9", "shipments.jsonl"
    told = run(importer, "-c", EXITS, strict, again, again, "more.csv", "none.csv").stdout
    assert re.findall(r"^exit: (.*)", told, re.MULTILINE) == [
        f"3 {strict}",
        *[f"1 {again}"] * 2,
        "0 more.csv",
        "2 none.csv",
    ]
    assert told.index("nothing was written") < told.index("exit: 3") < told.index("replayed 4")
    assert told.count("replayed 4, adopted 0, known 0, refused 5") == 2  # all rows were done already, and told again


EXITS = """
import sys
import importer
for command in sys.argv[1:]:
    sys.argv[1:] = command.split()
    try:
        print("exit:", importer.main(), command)
    except SystemExit as usage:
        print("exit:", usage.code, command)
"""


def shipment(number: int) -> dict[str, Any]:
    """A shipment that was delivered; one in ten says so although it was never loaded."""
    codes = ["10", "20", "50"] if number % 10 == 0 else ["10", "20", "40", "50"]
    history = [{"status": code, "at": f"2026-01-0{day}T08:00:00Z"} for day, code in enumerate(codes, 2)]
    return {"number": f"L-{number}", "customer": "Kim", "history": history}


def run(folder: Path, *arguments: str, status: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=environment(env),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == status, ran.stdout + ran.stderr
    return ran
