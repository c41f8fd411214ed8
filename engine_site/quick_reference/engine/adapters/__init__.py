"""Tool wrappers: one `<tool>_adapter` module per built-in tool."""
