"""The keeper: a bare interpreter that supervises many tools in one poll loop, and its parent, the guard.

Standard library only, cheap to import. docs/execution.md has the diagram.
"""
