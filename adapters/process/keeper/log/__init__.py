"""Writer of an attempt's log: pipes, masking, line index, error lines, size limit."""
