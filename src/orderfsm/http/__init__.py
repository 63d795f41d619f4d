"""HTTP: a router for each vocabulary that speaks its own API, and a generic one for a service's own orders.

Each is made by its module's `router(...)` and included in any FastAPI app: it brings its own errors, reads requests
strictly, and commits one unit of work per request. A service's own endpoints fail in the same words with
`APIRouter(route_class=Route)`.
"""

from __future__ import annotations

from orderfsm.extras import brought_by

with brought_by("http"):
    from .failure import Failure, Flaw, Rejected
    from .principal import Authenticate, Principal
    from .route import Route

__all__ = ["Authenticate", "Failure", "Flaw", "Principal", "Rejected", "Route"]
