"""The program: its exit codes, and one line for each way it can be misused.

Exit codes: 0 the claim holds (or nothing was claimed), 1 it does not, 2 it cannot be certified,
64 misuse, 130 interrupted before anything was certain.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from ..errors import GermaneError, NotConverged, TooLarge

HOLDS, DOES_NOT, CANNOT_CERTIFY, MISUSE, INTERRUPTED = 0, 1, 2, 64, 130

UsageError: Any = typer.BadParameter.__mro__[1]
ClickException: Any = typer.BadParameter.__mro__[2]
"""The kin of ``BadParameter``, wherever this version of typer keeps them."""


class Stopped(Exception):
    """A command was interrupted and says what it leaves."""


class Commands(TyperGroup):
    """The group of commands, with germane's exit codes and one-line errors."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        kwargs["standalone_mode"] = False
        sys.exit(_exit_code(lambda: super(Commands, self).main(*args, **kwargs)))


def _exit_code(run: Any) -> int:
    """What ``run`` returns; or, after one line on standard error, what its error stands for."""
    try:
        code = int(run() or HOLDS)
        if code == INTERRUPTED:  # typer makes this of a KeyboardInterrupt; some versions do not
            raise KeyboardInterrupt
        return code
    except Stopped as error:
        return _complain(str(error), INTERRUPTED)
    except (NotConverged, TooLarge) as error:
        return _complain(str(error), CANNOT_CERTIFY)
    except GermaneError as error:
        return _complain(str(error), MISUSE)
    except ClickException as error:
        hint = " (see germane --help)" if isinstance(error, UsageError) else ""
        return _complain(f"{error.format_message()}{hint}", MISUSE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", MISUSE)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted before anything was certain", INTERRUPTED)


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"germane: {' '.join(message.split())}\n")
    return code


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="How much can a policy trained in a digital twin lose on the real network? "
    "Certified answers.",
    epilog="Exit codes: 0 the claim holds, 1 it does not, 2 it cannot be certified, 64 misuse.",
)


def main() -> NoReturn:
    """The program ``germane``: runs the command line and exits."""
    app(prog_name="germane")
    raise AssertionError("a command always exits")


def _show_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(f"germane {metadata.version('germane')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass
