"""Plugins: directories that give an encoder. The shipped ones lie beside this file."""
