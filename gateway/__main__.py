"""``python -m gateway``: the ``understudy`` command where it is not installed."""

from gateway.cli import main

main(prog_name="understudy")
