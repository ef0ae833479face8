"""The command line: parse, call, print. The only part that prints or exits.

A folder, where the plan drew one file: each command, what is read, what is recorded and what is shown are
a file each. Nothing heavy is imported before a command runs, so that ``germane --help`` answers at once.
"""

from ._app import app, main
from .commands import COMMANDS

__all__ = ["app", "main"]

for command in COMMANDS:
    app.command()(command)
del command
