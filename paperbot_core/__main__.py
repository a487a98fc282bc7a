"""`python -m paperbot_core` is `paperbot`."""

from paperbot_core.cli import main

main()
