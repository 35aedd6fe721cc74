"""More pictures than one run can do: a Lance dataset of embeddings. Needs the extra `scale`."""
