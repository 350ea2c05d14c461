# shellcheck shell=bash
# SPDX-License-Identifier: MIT
emacs -Q --batch --eval '
(with-temp-buffer
  (insert-file-contents (concat (getenv "W") "/text"))
  (goto-char (point-min))
  (while (search-forward "GET" nil t) (replace-match "PUT"))
  (sort-lines nil (point-min) (/ (point-max) 4))
  (princ (secure-hash (quote sha256) (current-buffer))))'
