"""Training an encoder or a detector and turning it into a plugin. Needs the extra `train`."""
