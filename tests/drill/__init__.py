"""`make drill`: jobs run while processes are killed and stopped at random and the disk fills; then every promise is checked."""
