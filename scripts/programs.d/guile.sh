# shellcheck shell=bash
# SPDX-License-Identifier: MIT
guile --no-auto-compile -c '
(let ((v (make-vector 1000000 0)))
  (do ((i 0 (+ i 1))) ((= i 1000000)) (vector-set! v i (modulo (* i 7919) 1000003)))
  (display (vector-ref (sort v <) 500000)))'
