# SPDX-License-Identifier: MIT
"""TAP, the Test Anything Protocol, for the tests that are Python programs: one line for
each check, comments, and the plan at the end. tests/tap.h does the same for C."""

NOTE_LENGTH = 3000  # characters of a comment that are kept, from its end

count = failed = 0


def ok(good, what):
    """Print the result of a check; @what says in one line what was checked."""
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {what}", flush=True)


def note(text):
    """Print the end of @text as comments, to explain a failure."""
    for line in text[-NOTE_LENGTH:].splitlines():
        print(f"# {line}", flush=True)


def done():
    """Print the plan. Return the program's exit status, 0 if all checks passed."""
    print(f"1..{count}", flush=True)
    return int(failed != 0)
