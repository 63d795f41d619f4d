"""An order whose state is kept by django-fsm-2, never saved: the decision alone."""

from __future__ import annotations

from django.db import models
from django_fsm import FSMField, transition


class InMemory(models.Model):
    """Five states, six events."""

    state = FSMField(default="received")

    class Meta:
        """Never migrated."""

        managed = False
        app_label = "shop"

    @transition(field=state, source="received", target="accepted")
    def accept(self) -> None: ...

    @transition(field=state, source="accepted", target="held")
    def hold(self) -> None: ...

    @transition(field=state, source="held", target="accepted")
    def resume(self) -> None: ...

    @transition(field=state, source="accepted", target="received")
    def withdraw(self) -> None: ...

    @transition(field=state, source="accepted", target="completed")
    def complete(self) -> None: ...

    @transition(field=state, source="received", target="rejected")
    def reject(self) -> None: ...
