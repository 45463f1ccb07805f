"""`python -m interpayer`: the command line."""

from interpayer.cli.main import main

main()
