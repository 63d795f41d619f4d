"""Drivers for services that are reached over HTTP, in any language: they speak an API as one of its clients does.

Each is made of a base URL, or of a client (httpx, or Starlette's TestClient around an app), and of the headers that
say who asks. `state_machine_for(chart, driver)` and `follow(driver, walk)` do the rest.
"""

from .adobe import AdobeDriver
from .base import Also, Headers, HttpDriver, Opening
from .cablelabs import CablelabsDriver
from .dream_junction import DreamJunctionDriver
from .generic import GenericDriver
from .record_stack_overflow import RecordStackOverflowDriver
from .stat import StapiDriver, StatDriver
from .wire import Answer, BadAnswer, Client

__all__ = [
    "AdobeDriver",
    "Also",
    "Answer",
    "BadAnswer",
    "CablelabsDriver",
    "Client",
    "DreamJunctionDriver",
    "GenericDriver",
    "Headers",
    "HttpDriver",
    "Opening",
    "RecordStackOverflowDriver",
    "StapiDriver",
    "StatDriver",
]
