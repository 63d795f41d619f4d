"""python-statemachine: the flat chart as a class."""

from statemachine import State, StateMachine


class Order(StateMachine):
    """Five states, six events."""

    received = State(initial=True)
    accepted = State()
    held = State()
    completed = State(final=True)
    rejected = State(final=True)

    accept = received.to(accepted)
    hold = accepted.to(held)
    resume = held.to(accepted)
    withdraw = accepted.to(received)
    complete = accepted.to(completed)
    reject = received.to(rejected)
