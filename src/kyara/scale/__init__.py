"""More than one run, or one machine, can do: Lance datasets, and Ray. Needs the extra `scale`."""
