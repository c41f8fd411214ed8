"""Wake workers: notify their listeners and, where a stock q2 broker is configured, leave a token in its queue."""

from importlib import import_module

from django.conf import settings
from django.db import Error as DatabaseFault
from django_q.brokers import get_broker

from jobs.queue import notifier
from jobs.queue.broker import token
from jobs.queue.slots import startable


def stock_broker() -> bool:
    """Whether somebody chose a broker of django-q2 (Redis, ORM) instead of ours, which derives its tokens."""
    return not settings.Q_CLUSTER.get("broker_class")


def wake() -> None:
    """After commit: a lost token costs at most a second, a double one nothing."""
    notifier.notify()
    if stock_broker():
        _enqueue()


def keep_awake() -> None:
    """Each second: recreate the tokens that a stock broker may have lost."""
    if stock_broker() and startable():
        _enqueue()


def _enqueue() -> None:
    try:
        get_broker().enqueue(token())
    except _faults():
        pass  # the broker is away; the next second's token stands in for this one


def _faults() -> tuple[type[Exception], ...]:
    """What a broker raises when it is away.

    The client of Redis takes five megabytes, so it is imported only where Redis is the broker.
    """
    of_redis = (import_module("redis").RedisError,) if "redis" in settings.Q_CLUSTER else ()
    return (OSError, DatabaseFault, *of_redis)
