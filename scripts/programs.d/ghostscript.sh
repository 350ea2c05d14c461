# shellcheck shell=bash
# SPDX-License-Identifier: MIT
cat > a.ps << 'END'
%!PS
/Helvetica findfont 20 scalefont setfont
1 1 30 { 72 exch 24 mul 40 add moveto (page) show 0 1 50 { 10 mul dup 300 moveto 300 lineto stroke } for } for
showpage
END
gs -q -dNOPAUSE -dBATCH -sDEVICE=ppmraw -r200 -sOutputFile=- a.ps | sha256sum
