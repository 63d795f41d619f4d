"""A Django app with orders whose transitions are logged by django-fsm-log."""
