# SPDX-License-Identifier: MIT
"""Command lines: what several programs check in the same way, and the question that
scripts/launch asks before it installs and builds."""

import argparse
import sys

CHECK = "--check"  # the first word: only check the others
ANSWERED = 3  # with it, the exit status that says: this was a question, and it is answered


def number(least, most):
    """An argparse type: a whole number from @least to @most."""
    def parse_number(text):
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)
    return parse_number


def command_of(parser, words, usage):
    """The command at the end of a command line, without the "--" that may come before it."""
    command = words[1:] if words[:1] == ["--"] else words
    if not command:
        parser.error(f"COMMAND is missing: {usage}")
    return command


def parse(parser, complete=None):
    """Parse the command line. complete(args), if given, does what argparse cannot do: it checks more,
    fills in defaults, and returns True if it has answered a question of the user, such as
    --list. Then the program ends.

    If the first word is --check, the program ends in any case: with 0 if the other words
    are right and there is work to do, with ANSWERED after --help and the like, and with
    argparse's status if a word is wrong. Modules that may still have to be installed must
    therefore be imported after this call."""
    checks = sys.argv[1:2] == [CHECK]
    try:
        args = parser.parse_args(sys.argv[2:] if checks else None)
        answered = bool(complete and complete(args))
    except SystemExit as end:
        if checks and not end.code:
            sys.exit(ANSWERED)
        raise
    if checks:
        sys.exit(ANSWERED if answered else 0)
    if answered:
        sys.exit(0)
    return args
