# shellcheck shell=bash
# SPDX-License-Identifier: MIT
ruby -e '
h = Hash.new(0)
File.foreach(ENV["W"] + "/text") { |l| l.split.each { |w| h[w] += 1 } }
p h.size, h.sort_by { |k, v| [-v, k] }.first(5)
GC.start
p (1..500000).map { |n| n.to_s * 3 }.sort.last'
