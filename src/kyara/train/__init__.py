"""Training an encoder and turning it into a plugin. Needs the extra `train`."""
