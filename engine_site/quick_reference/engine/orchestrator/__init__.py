"""Job coordinator: `Orchestrator` for programs, `python -m engine.orchestrator` for the shell."""
