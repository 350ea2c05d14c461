# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # the variables are those of PHP
php -r '
$a = [];
for ($n = 0; $n < 1000000; $n++) $a[] = md5((string)$n);
sort($a);
echo $a[5000], strlen(implode("", $a));'
