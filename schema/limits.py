"""Limits of a job document that are checked before or in addition to job.schema.json; a test compares the two."""

DOCUMENT_BYTES = 1024 * 1024
NESTING = 32  # the document itself is level 1
ARGS = 1_000
ARG_BYTES = 128 * 1024 - 1  # what Linux takes for one argument: 128 KiB with the closing zero byte
ENV_NAMES = 200
ENV_BYTES = 64 * 1024  # names and values together, as UTF-8
NUMBER_BITS = 1_024  # beyond it a whole number is more than any double holds
MAX_PROBLEMS = 100
HIDDEN = "(hidden)"  # stands for a value of `env` that is not shown
