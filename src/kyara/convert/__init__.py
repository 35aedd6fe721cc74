"""Models that others made, as plugin directories."""
