"""`make drill`: jobs run while workers, clusters and database connections are killed at random; then every promise is checked."""
