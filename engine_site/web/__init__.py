"""The web process: one port, one event loop for connections and streams, a few threads for Django."""
