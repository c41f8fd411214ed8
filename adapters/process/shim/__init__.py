"""The shim: a bare interpreter that owns one tool's process tree. Standard library only, cheap to import."""
