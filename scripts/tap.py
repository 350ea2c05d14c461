# SPDX-License-Identifier: MIT
"""TAP output for the tests that are Python programs."""

count = failed = 0


def ok(good, what):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {what}", flush=True)


def done():
    """Print the plan; the program's exit status."""
    print(f"1..{count}")
    return failed != 0
