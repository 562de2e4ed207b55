"""click's help and error messages in the language of the terminal; its own are English."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError, NoSuchCommand

from server.cli.terminal import _


def allowed_values(kind: "click.ParamType[Any]") -> str:
    """What a parameter of `kind` may be, in words; empty for any text."""
    match kind:
        case click.IntRange(min=least, max=most):
            limits = {"least": least, "most": most}
            return _("a whole number from %(least)s to %(most)s") % limits
        case click.Choice():
            return _("one of %(choices)s") % {"choices": ", ".join(map(str, kind.choices))}
        case click.Path():
            return _("a folder")
    return ""


class SpokenOption(click.Option):
    """An option whose place holder, default and limits are translated in its help."""

    def make_metavar(self, ctx: click.Context) -> str:
        """The place holder of its value."""
        if self.type in (click.STRING, None):
            return _("TEXT")
        match self.type:
            case click.IntRange():
                return _("NUMBER")
            case click.Path():
                return _("FOLDER")
        return super().make_metavar(ctx)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Its names and its help."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        extra = self.get_help_extra(ctx)
        said = []
        if "default" in extra:
            said.append(_("default: %(value)s") % {"value": extra["default"].strip("()")})
        if "range" in extra:
            said.append(allowed_values(self.type))
        if self.required:
            said.append(_("required"))
        spec, text = record[0], self.help or ""
        return spec, f"{text}  [{', '.join(said)}]" if said else text


#: An option of a command.
option = partial(click.option, cls=SpokenOption)


class SpokenFormatter(click.HelpFormatter):
    """A formatter of help with translated headings."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how to call the command."""
        super().write_usage(prog, args, prefix or _("Usage:") + " ")

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section; click uses two."""
        headings = {"Options": _("Options:"), "Commands": _("Commands:")}
        self.write(headings.get(heading, heading) + "\n")


class SpokenContext(click.Context):
    """A context with that formatter."""

    formatter_class = SpokenFormatter


class SpokenCommand(click.Command):
    """A command whose help is translated."""

    context_class = SpokenContext

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option --help."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = _("Show this message and end.")
        return option


class SpokenGroup(SpokenCommand, click.Group):
    """A group whose help and error messages are translated."""

    command_class = SpokenCommand

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; an error is shown in the terminal's language, and sets the exit code."""
        given = list(sys.argv[1:] if args is None else args)
        run = partial(super().main, given, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        try:
            check_arguments(given)
            code: object = run()
        except click.ClickException as error:
            _show(error)
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo(_("Broken off"), err=True)
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


def check_arguments(given: Sequence[str]) -> None:
    """Check that arguments are valid UTF-8; Python passes other bytes on as surrogates.

    :raises click.ClickException: the text has the place of the first that is not.
    """
    for place, text in enumerate(given, 1):
        try:
            text.encode()
        except UnicodeEncodeError:
            what = _("Word %(place)s of the command is not valid UTF-8") % {"place": place}
            raise click.ClickException(what) from None


#: The class of groups inside a group.
SpokenGroup.group_class = SpokenGroup


def _show(error: click.ClickException) -> None:
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
        command = f"{error.ctx.command_path} --help"
        click.echo(_("More is said by: %(command)s") % {"command": command} + "\n", err=True)
    match error:
        case click.NoSuchOption():
            what = _("There is no option %(name)s") % {"name": error.option_name}
        case NoSuchCommand():
            what = _("There is no command %(name)s") % {"name": error.command_name}
        case click.MissingParameter():
            what = _("%(name)s is missing") % {"name": _name(error)}
        case click.BadParameter():
            what = _not_allowed(error)
        case click.UsageError():
            what = _("The command is not complete, or says too much")
        case _:
            what = error.format_message()
    click.echo(_("Error: %(what)s") % {"what": what}, err=True)


def _not_allowed(error: click.BadParameter) -> str:
    allowed = allowed_values(error.param.type) if error.param is not None else ""
    if not allowed:
        return _("This value of %(name)s cannot be used") % {"name": _name(error)}
    return _("%(name)s must be %(allowed)s") % {"name": _name(error), "allowed": allowed}


def _name(error: click.BadParameter) -> str:
    if error.param is None or error.ctx is None:
        return str(error.param_hint or "")
    return error.param.get_error_hint(error.ctx).replace("'", "")
