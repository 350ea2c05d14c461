# SPDX-License-Identifier: MIT
"""Why a program loses under the library, where that has been looked into: shown by the
report beside the figure. An entry says how it was found out."""

REASONS = {}
