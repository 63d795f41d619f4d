"""Whoever is told: verifies each message, and deals with it once, however often it arrives.

`uvicorn receiver:app --port 8001` serves it; WEBHOOK_SECRET is the sender's.
"""

import json
import os
import sqlite3
from contextlib import closing

from fastapi import FastAPI, HTTPException, Request

from orderfsm.errors import BadSignature
from orderfsm.outbox.signature import verify

SECRET = os.environ["WEBHOOK_SECRET"]

app = FastAPI(title="A receiver")


def connect() -> sqlite3.Connection:
    database = sqlite3.connect("receiver.db")
    database.execute("CREATE TABLE IF NOT EXISTS message (id TEXT PRIMARY KEY, ride TEXT, action TEXT, times INTEGER)")
    return database


@app.post("/messages", status_code=204)
async def receive(request: Request) -> None:
    body = await request.body()
    try:
        id = verify(request.headers, body, SECRET)
    except BadSignature as bad:
        raise HTTPException(401, str(bad)) from None
    event = json.loads(body)
    with closing(connect()) as database, database:  # the id is kept where the message is dealt with
        database.execute(
            "INSERT INTO message VALUES (?, ?, ?, 1) ON CONFLICT (id) DO UPDATE SET times = times + 1",
            (id, event["subject"], event["data"]["action"]),
        )


@app.get("/messages")
async def messages() -> list[dict[str, str | int]]:
    with closing(connect()) as database:
        rows = database.execute("SELECT id, ride, action, times FROM message ORDER BY rowid").fetchall()
    return [{"id": id, "ride": ride, "action": action, "times": times} for id, ride, action, times in rows]
