"""Who is in a heap of pictures that nobody named: groups of one character each."""
