"""A provider of satellite images: its own tables, its own way to know who asks, and an HTTP API over both.

Run it with `uvicorn service:app` in this folder; it keeps its orders in `surveys.db`.
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, true
from sqlmodel import Field, Session, SQLModel, col

import orderfsm
from orderfsm.http import Principal, generic
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import HistoryEntry, SqlStore, Stateful, engine


class Survey(Stateful, table=True):
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    customer: str = Field(index=True)
    area: str


class SurveyHistory(HistoryEntry, table=True):
    order_id: UUID = Field(foreign_key="survey.id")


database = engine("sqlite:///surveys.db")
SQLModel.metadata.create_all(database)
surveys = Lifecycle(orderfsm.load("stat/order"), SqlStore(Survey, SurveyHistory))

ACCOUNTS = {
    "forest-token": Principal("forestry", frozenset({"customer"}), "Forestry Office"),
    "harbour-token": Principal("harbour", frozenset({"customer"}), "Harbour Master"),
    "sat-token": Principal("sat-1", frozenset({"provider"}), "Ground station"),
}


async def whoever_asks(
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> Principal | None:
    return ACCOUNTS.get(sent.credentials) if sent else None


def visible(who: Principal) -> ColumnElement[bool]:
    return true() if "provider" in who.roles else col(Survey.customer) == who.id


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    area: str


def new_survey(session: Session, who: Principal, payload: Mapping[str, Any]) -> Survey:
    return Survey(customer=who.id, area=Wanted.model_validate(payload).area)


app = FastAPI(title="Surveys")
app.include_router(
    generic.router(
        surveys,
        sessions=partial(Session, database),
        principal=whoever_asks,
        visible=visible,
        opening=new_survey,
        path="/surveys",
    ),
    prefix="/api",
)
