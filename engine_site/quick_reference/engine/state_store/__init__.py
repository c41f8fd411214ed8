"""State persistence: runs, workstreams, jobs and events in the database."""
