"""API tokens: created once, stored as a hash, limited to scopes."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError

from jobs import db
from jobs.errors import InvalidDocument, Refused, WrongState
from jobs.models import ApiToken
from jobs.roles import PERMISSIONS, TOKEN_SCOPES
from jobs.services.accounts import last_use
from jobs.services.core import events
from jobs.services.core.statement import Statement, partial

MARK = "eng_"
NOTE_USE_S = last_use.EVERY_S


def create(
    user: User, name: str, scopes: Sequence[str], *, by: str, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """The row, and the token itself, which cannot be had again."""
    unknown = sorted(set(scopes) - set(TOKEN_SCOPES))
    if unknown or not scopes:
        raise InvalidDocument(
            f"Scopes are {', '.join(TOKEN_SCOPES)}; name at least one."
            if not unknown
            else f"Unknown scope {unknown[0]!r}; use {', '.join(TOKEN_SCOPES)}."
        )
    if expires_at is not None and expires_at <= db.now():
        raise InvalidDocument("The token would be expired already; choose a time to come.")
    secret = MARK + secrets.token_urlsafe(32)
    try:
        with db.atomic():
            token = ApiToken.objects.create(
                user=user,
                name=name,
                prefix=secret[:10],
                sha256=digest(secret),
                expires_at=expires_at,
                scopes=[scope for scope in TOKEN_SCOPES if scope in scopes],
            )
            events.record("token.created", by=by, token=token.name, owner=user.get_username(), scopes=token.scopes)
    except IntegrityError:
        raise Refused(f"{user.get_username()} has a token named {name} already; choose another name.") from None
    return token, secret


def revoke(token: ApiToken, *, by: str) -> ApiToken:
    with db.atomic():
        at = db.now()
        if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at):
            raise WrongState(f"Token {token.name} has been revoked already.", state="revoked")
        events.record("token.revoked", by=by, token=token.name, owner=token.user.get_username())
    token.revoked_at = at
    return token


@dataclass(frozen=True)
class Login:
    """Who a token stands for, and what is needed to decide what they may."""

    token: ApiToken
    user: User
    permissions: frozenset[str]  # of those in jobs/roles.py; a superuser has them all, and none is named
    projects: bool  # whether there are any


def log_in(secret: str) -> Login | None:
    """By a usable token, or None. One statement, and nothing is written: that the token was used is noted afterwards."""
    if not secret.startswith(MARK):
        return None
    now = db.now()
    found = _LOGIN.rows(now - timedelta(seconds=NOTE_USE_S), digest(secret), now)
    if not found:
        return None
    token, (stale, username, is_superuser, projects, _) = found[0]
    user = partial(User, id=token.user_id, username=username, is_superuser=bool(is_superuser), is_active=True)
    token.user = user
    if stale:
        last_use.of_process().note(token.pk, now)
    return Login(token, user, frozenset(name for *_, name in (beside for _, beside in found) if name), bool(projects))


def digest(secret: str) -> str:
    # A fast hash is enough: the token has 256 random bits, there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


_NAMES = ", ".join(f"'{permission.removeprefix('jobs.')}'" for permission in PERMISSIONS.values())
_LOGIN = Statement(
    ApiToken,
    "t",
    f"""
    SELECT {{columns}}, (t.last_used_at IS NULL OR t.last_used_at < %s), u.username, u.is_superuser,
        EXISTS (SELECT 1 FROM projects), p.codename
    FROM api_tokens t
    JOIN auth_user u ON u.id = t.user_id
    LEFT JOIN auth_permission p ON NOT u.is_superuser AND p.codename IN ({_NAMES})
        AND p.content_type_id IN (SELECT id FROM django_content_type WHERE app_label = 'jobs')
        AND (
            EXISTS (SELECT 1 FROM auth_user_user_permissions own WHERE own.user_id = u.id AND own.permission_id = p.id)
            OR EXISTS (
                SELECT 1 FROM auth_user_groups member
                JOIN auth_group_permissions role ON role.group_id = member.group_id
                WHERE member.user_id = u.id AND role.permission_id = p.id
            )
        )
    WHERE t.sha256 = %s AND t.revoked_at IS NULL AND u.is_active AND (t.expires_at IS NULL OR t.expires_at > %s)
    """,  # noqa: S608 - the names are constants
    only=("id", "user", "name", "prefix", "scopes"),
)
