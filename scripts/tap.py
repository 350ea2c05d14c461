# SPDX-License-Identifier: MIT
"""Output in TAP, for the tests that are Python programs."""

count = failed = 0


def ok(good, what):
    """Print the result of one check: whether it is @good, and @what was checked."""
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {what}", flush=True)


def note(text):
    """Print the end of @text as comments, to explain a failure."""
    print("# " + text[-3000:].replace("\n", "\n# "))


def done():
    """Print the plan. Return the exit status of the test."""
    print(f"1..{count}")
    return failed != 0
