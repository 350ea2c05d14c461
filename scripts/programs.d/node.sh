# shellcheck shell=bash
# SPDX-License-Identifier: MIT
node -e '
const m = new Map();
for (let n = 0; n < 800000; n++) m.set("k" + n, Buffer.alloc(100, n));
let s = 0;
for (const v of m.values()) s += v[7];
console.log(s, require("zlib").gzipSync(require("fs").readFileSync(process.env.W + "/text")).length)'
