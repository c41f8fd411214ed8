"""Protocols that an adapter satisfies: `AdapterInterface` to be called directly, `Adapter` to be scheduled."""

from adapters import Adapter, AdapterInterface

__all__ = ["Adapter", "AdapterInterface"]
