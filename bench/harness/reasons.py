# SPDX-License-Identifier: MIT
"""Why a program is slower under the library, where that has been investigated. The report shows
it beside the figure; each entry says how it was found out."""

# bench/run --only "numpy sort,numpy gather,minimap2" --against "glibc again,jemalloc thp" --repeat 20
MORE = "noise: with 20 rounds of three programs, on the machine of docs/benchmarks.md, {0}, glibc beside itself {1}"
NUMPY = "numpy itself asks for 2 MiB pages, so its arrays are in them under glibc, too; "
REASONS = {
    "numpy gather": NUMPY + MORE.format("0.95 (0.54-0.80 s beside 0.55-0.70 s)", "0.98"),
    "numpy sort": NUMPY + MORE.format("0.99", "1.00"),
    "minimap2": MORE.format("1.01", "1.02"),
}
