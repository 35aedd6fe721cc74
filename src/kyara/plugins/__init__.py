"""Plugins: directories that give an encoder or a detector; the shipped ones lie here."""
