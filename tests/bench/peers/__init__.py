"""Other queues that `make bench` compares Engine with; each module runs in .venv-bench, as `prepare`, `work`, `submit`."""
