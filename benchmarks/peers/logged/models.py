"""Orders in the database, whose state is kept by django-fsm-2 and whose transitions django-fsm-log writes down."""

from __future__ import annotations

from django.db import models
from django_fsm import ConcurrentTransitionMixin, FSMField, transition
from django_fsm_log.decorators import fsm_log_by, fsm_log_description


class Order(ConcurrentTransitionMixin, models.Model):
    """An order; a write succeeds only where the state is still the one that was read."""

    data = models.JSONField(default=dict)
    state = FSMField(default="received", protected=False)

    class Meta:
        """In the app logged."""

        app_label = "logged"

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="received", target="accepted")
    def accept(self, by: object = None, description: str | None = None) -> None: ...

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="accepted", target="held")
    def hold(self, by: object = None, description: str | None = None) -> None: ...

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="held", target="accepted")
    def resume(self, by: object = None, description: str | None = None) -> None: ...

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="accepted", target="received")
    def withdraw(self, by: object = None, description: str | None = None) -> None: ...
