"""Idempotency-Key: the same request with the same key is done once and answered twice."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError

from jobs import db
from jobs.errors import InvalidDocument, Refused
from jobs.models import IdempotentRequest

KEPT = timedelta(hours=24)


def fingerprint(method: str, path: str, body: bytes) -> str:
    return hashlib.sha256(b"\n".join([method.encode(), path.encode(), body])).hexdigest()


def once(user: User, key: str, print_: str, do: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """What `do` answers, and whether it is an answer from before. What `do` refuses is not kept: it changed nothing."""
    try:
        with db.atomic():
            IdempotentRequest.objects.filter(created_at__lt=db.now() - KEPT).delete()
            if known := IdempotentRequest.objects.filter(user=user, key=key).first():
                return _replay(known, print_), True
            # The row comes first: another request with this key waits here until our transaction has ended.
            row = IdempotentRequest.objects.create(user=user, key=key, fingerprint=print_)
            answer = do()
            row.answer, row.status = answer, 201
            row.save(update_fields=["answer", "status"])
            return answer, False
    except IntegrityError:
        return _replay(IdempotentRequest.objects.get(user=user, key=key), print_), True


def _replay(known: IdempotentRequest, print_: str) -> dict[str, Any]:
    if known.fingerprint != print_:
        raise InvalidDocument("This Idempotency-Key came with another request before; use a new key.")
    if not known.status:
        raise Refused("The first request with this Idempotency-Key is still being answered; ask again.")
    answer: dict[str, Any] = known.answer
    return answer
