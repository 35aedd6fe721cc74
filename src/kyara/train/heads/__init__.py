"""Training a detector of drawn heads: scenes, network, targets, loop, export."""
