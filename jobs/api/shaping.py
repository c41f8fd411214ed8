"""Rows in the shape of an answer. They are our own, so nothing is validated: that would take longer than reading them."""

from collections.abc import Callable, Collection
from functools import cache
from inspect import signature
from typing import Any, get_args

from django.http import HttpRequest
from ninja import Schema

Getter = Callable[[Any, dict[str, Any]], Any]


def shaped(request: HttpRequest, row: Any, shape: type[Schema], names: Collection[str] | None = None) -> dict[str, Any]:
    """The fields of `shape`, or those of them that `names` has, by its resolvers or by the row's attributes."""
    context = {"request": request}
    return {name: get(row, context) for name, get in _getters(shape).items() if names is None or name in names}


@cache
def _getters(shape: type[Schema]) -> dict[str, Getter]:
    return {name: _getter(shape, name, field.annotation) for name, field in shape.model_fields.items()}


def _getter(shape: type[Schema], name: str, annotation: Any) -> Getter:
    get = _plain(shape, name)
    inner = next((part for part in (annotation, *get_args(annotation)) if _is_schema(part)), None)
    if inner is None:
        return get
    return lambda row, context: _nested(get(row, context), inner, context)


def _plain(shape: type[Schema], name: str) -> Getter:
    resolver: Callable[..., Any] | None = getattr(shape, f"resolve_{name}", None)
    if resolver is None:
        return lambda row, _: getattr(row, name)
    if "context" in signature(resolver).parameters:
        return lambda row, context: resolver(row, context=context)
    return lambda row, _: resolver(row)


def _nested(value: Any, shape: type[Schema], context: dict[str, Any]) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_nested(item, shape, context) for item in value]
    return {name: get(value, context) for name, get in _getters(shape).items()}


def _is_schema(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Schema)
