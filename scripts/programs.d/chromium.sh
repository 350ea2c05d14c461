# shellcheck shell=bash
# SPDX-License-Identifier: MIT
cat > a.html << 'END'
<html><body><script>
let s = 0;
const a = [];
for (let n = 0; n < 300000; n++) a.push("x" + n);
document.write(a.join("").length)
</script></body></html>
END
chromium --headless --no-sandbox --disable-gpu --user-data-dir="$T/c" --dump-dom "file://$T/a.html" 2> /dev/null |
	grep -o '<body>.*' | sha256sum
