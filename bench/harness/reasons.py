# SPDX-License-Identifier: MIT
"""Why a program loses under the library, where that has been looked into: shown by the
report beside the figure. An entry says how it was found out."""

# bench/run --only "numpy sort,numpy gather,minimap2" --against "glibc again,jemalloc thp" --repeat 20
MORE = "noise: with 20 rounds of three programs, on the machine of docs/benchmarks.md, {0}, glibc beside itself {1}"
NUMPY = "numpy asks for 2 MiB pages itself, glibc's arrays are in them too; "
REASONS = {
    "numpy gather": NUMPY + MORE.format("0.95 (0.54-0.80 s beside 0.55-0.70 s)", "0.98"),
    "numpy sort": NUMPY + MORE.format("0.99", "1.00"),
    "minimap2": MORE.format("1.01", "1.02"),
}
