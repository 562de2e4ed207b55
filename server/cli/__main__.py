"""`python -m server.cli`: the command, where it is not installed."""

from server.cli.main import main

main()
