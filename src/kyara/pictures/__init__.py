"""Finding pictures, reading them whatever their format, knowing them by their content."""
