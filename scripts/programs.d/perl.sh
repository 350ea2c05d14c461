# shellcheck shell=bash
# SPDX-License-Identifier: MIT
perl -e '
open F, "$ENV{W}/text";
while (<F>) { $h{$_}++ for split }
print scalar(keys %h), "\n";
print join ",", (sort { $h{$b} <=> $h{$a} || $a cmp $b } keys %h)[0..20]'
