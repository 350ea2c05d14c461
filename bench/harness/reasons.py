# SPDX-License-Identifier: MIT
"""Why a program loses under the library, where that has been looked into: shown by the
report beside the figure. An entry says how it was found out."""

MORE = "noise: with 20 rounds (bench/run --only {0} --repeat 20) {1}, glibc beside itself {2}"
REASONS = {
    "numpy gather": "numpy asks for 2 MiB pages itself, glibc's arrays are in them too; "
                    + MORE.format('"numpy gather"', "0.95 (0.54-0.80 s beside 0.55-0.70 s)", "0.98"),
    "numpy sort": "the same; " + MORE.format('"numpy sort"', "0.99", "1.00"),
    "minimap2": MORE.format("minimap2", "1.01", "1.02"),
}
