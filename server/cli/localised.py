"""The commands' own frame in the language of the terminal: click speaks English by itself."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError, NoSuchCommand

from server.cli.terminal import _


class SpokenFormatter(click.HelpFormatter):
    """Help whose headings are translated."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line that says how to call the command."""
        super().write_usage(prog, args, prefix or _("Usage:") + " ")

    def write_heading(self, heading: str) -> None:
        """The heading of a section; click knows two."""
        headings = {"Options": _("Options:"), "Commands": _("Commands:")}
        self.write(headings.get(heading, heading) + "\n")


class SpokenContext(click.Context):
    """A context that writes help so."""

    formatter_class = SpokenFormatter


class SpokenCommand(click.Command):
    """A command whose help is in one language."""

    context_class = SpokenContext

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option --help."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = _("Show this message and end.")
        return option


class SpokenGroup(SpokenCommand, click.Group):
    """A group whose help and refusals are in one language."""

    command_class = SpokenCommand

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run; a refusal is said in the terminal's language and ends with its exit code."""
        given = list(sys.argv[1:] if args is None else args)
        run = partial(super().main, given, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        try:
            check_arguments(given)
            code: object = run()
        except click.ClickException as error:
            _tell(error)
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo(_("Broken off"), err=True)
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


def check_arguments(given: Sequence[str]) -> None:
    """Refuse what no table, mail or page could keep; Python passes such bytes on as surrogates.

    :raises click.ClickException: names the first by its place.
    """
    for place, text in enumerate(given, 1):
        try:
            text.encode()
        except UnicodeEncodeError:
            what = _("Word %(place)s of the command is not valid UTF-8") % {"place": place}
            raise click.ClickException(what) from None


#: The group of `group.group(...)` is of the same class.
SpokenGroup.group_class = SpokenGroup


def _tell(error: click.ClickException) -> None:
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
        command = f"{error.ctx.command_path} --help"
        click.echo(_("More is said by: %(command)s") % {"command": command} + "\n", err=True)
    click.echo(_("Error: %(what)s") % {"what": _what(error)}, err=True)


def _what(error: click.ClickException) -> str:
    match error:
        case click.NoSuchOption():
            return _("There is no option %(name)s") % {"name": error.option_name}
        case NoSuchCommand():
            return _("There is no command %(name)s") % {"name": error.command_name}
        case click.MissingParameter():
            return _("%(name)s is missing") % {"name": _name(error)}
        case click.BadParameter():
            return _("This value of %(name)s cannot be used") % {"name": _name(error)}
        case click.UsageError():
            return _("The command is not complete, or says too much")
        case _:
            return error.format_message()


def _name(error: click.BadParameter) -> str:
    if error.param is None or error.ctx is None:
        return str(error.param_hint or "")
    return error.param.get_error_hint(error.ctx)
