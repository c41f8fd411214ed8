"""Tokens: passwords for scripts. A token cannot make or revoke tokens: that takes the person's own session."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.responses import Response
from pydantic import Field, StringConstraints

from jobs.access import Actor
from jobs.api.auth import READ, actor
from jobs.api.pagination import Page, PageQuery, page
from jobs.api.responses import RequestBody, RowId, answers
from jobs.errors import NotAllowed, NotFound
from jobs.models import ApiToken
from jobs.roles import TOKEN_SCOPES
from jobs.services.accounts import tokens
from jobs.services.reading.moments import Moment

router = Router(tags=["tokens"])


class TokenOut(Schema):
    """One token, without the token itself."""

    id: int
    name: str
    prefix: str
    owner: str
    scopes: list[str]
    state: str = Field(examples=["active", "expired", "revoked"])
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @staticmethod
    def resolve_owner(token: ApiToken) -> str:
        return token.user.get_username()


class NewToken(TokenOut):
    """A token, shown this once."""

    token: str


class TokenIn(RequestBody):
    name: Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00]+$")]
    scopes: list[str] = Field(min_length=1, max_length=8, examples=[list(TOKEN_SCOPES)])
    expires_at: Moment | None = None


class Me(Schema):
    """Who the caller is, and what they may do."""

    username: str
    scopes: list[str]
    token: str | None = Field(description="name of the token, if one was used")


def _person(request: HttpRequest) -> Actor:
    caller = actor(request)
    if caller.token is not None:
        raise NotAllowed("A token cannot manage tokens; sign in for that.")
    return caller


def _seen(caller: Actor) -> Any:
    rows = ApiToken.objects.select_related("user")
    return rows if caller.may("administer") else rows.filter(user=caller.user)


@router.get("/me", auth=READ, operation_id="tokens_me", summary="Get the caller", response=answers(Me))
def me(request: HttpRequest) -> Any:
    """The caller's name and scopes."""
    caller = actor(request)
    return {"username": caller.name, "scopes": sorted(caller.scopes), "token": caller.token and caller.token.name}


@router.get("", auth=READ, operation_id="tokens_list", summary="List tokens", response=answers(Page[TokenOut]))
def list_tokens(request: HttpRequest, query: Query[PageQuery]) -> Any:
    """The caller's tokens; for an administrator, everybody's."""
    return page(request, _seen(actor(request)), TokenOut, query)


@router.post(
    "",
    auth=READ,
    operation_id="tokens_create",
    summary="Create a token",
    response=answers(NewToken, 409, status=201, body=True),
)
def create(request: HttpRequest, order: TokenIn) -> Any:
    """Make a token. The answer shows it, and nothing will again."""
    caller = _person(request)
    row, secret = tokens.create(caller.user, order.name, order.scopes, by=caller.name, expires_at=order.expires_at)
    shown = TokenOut.model_validate(row, context={"request": request}).model_dump()
    response = Response({**shown, "token": secret}, status=201)
    response["Cache-Control"] = "no-store"
    return response


@router.post(
    "/{token_id}/revoke",
    auth=READ,
    operation_id="tokens_revoke",
    summary="Revoke a token",
    response=answers(TokenOut, 404, 409),
)
def revoke(request: HttpRequest, token_id: RowId) -> ApiToken:
    """End a token at once."""
    caller = _person(request)
    row: ApiToken | None = _seen(caller).filter(pk=token_id).first()
    if row is None:
        raise NotFound(f"Token {token_id} not found.")
    return tokens.revoke(row, by=caller.name)
