"""`python -m kyara`."""

from kyara.cli.main import main

main()
