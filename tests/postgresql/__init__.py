"""Django's PostgreSQL backend with one difference for the test suite: tables are emptied row by row."""
