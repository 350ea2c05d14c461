#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real programs with and without libdphuge.so; see scripts/programs.

Each does work of its own whose output is the same every time. The outputs of both
runs must be equal, and the exit status 0."""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LIBRARY = os.environ.get("LIBDPHUGE", str(TOP / "build/preload/libdphuge.so"))
BASE = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin:/usr/lib/postgresql/15/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}

# name: a line of shell; $W is a folder with the inputs text (20 MB), numbers.csv, genome.fa and reads.fq.
PROGRAMS = {
    "sqlite3": """sqlite3 :memory: "create table t(a integer primary key, b text, c real);
        insert into t select value, hex(value * 7919), value / 3.0 from generate_series(1, 400000);
        create index i on t(b); select count(*), sum(c), max(b) from t where b > '3'; pragma integrity_check;" """,
    "redis": """redis-server --port 0 --unixsocket $T/s --save '' --daemonize yes --dir $T --logfile $T/log > /dev/null
        i=0; until redis-cli -s $T/s ping > /dev/null 2>&1; do sleep 0.1; done
        redis-benchmark -s $T/s -q -n 100000 -r 100000 -d 100 -t set,lpush,zadd -P 16 > /dev/null
        redis-cli -s $T/s debug set-active-expire 0 > /dev/null; redis-cli -s $T/s set big $(head -c 3000 $W/text | base64 -w0)
        redis-cli -s $T/s save; redis-cli -s $T/s bgsave > /dev/null; sleep 1; redis-cli -s $T/s strlen big
        redis-cli -s $T/s shutdown nosave""",
    "memcached": """memcached -u nobody -s $T/s -m 256 & until [ -S $T/s ]; do sleep 0.1; done
        python3 -c "
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile('rwb')
for n in range(30000):
    v = b'%d' % n * 300; f.write(b'set k%d 0 0 %d noreply\\r\\n%s\\r\\n' % (n, len(v), v))
f.flush(); total = 0
for n in range(0, 30000, 7):
    f.write(b'get k%d\\r\\n' % n); f.flush(); f.readline(); total += len(f.readline()); f.readline()
print(total)" $T/s; kill %1""",
    "postgresql": """chown nobody $T; as() { setpriv --reuid=nobody --clear-groups "$@"; }
        as initdb -D $T/db -U postgres > /dev/null
        as pg_ctl -D $T/db -o "-k $T -h '' -c work_mem=64MB" -l $T/log -w start > /dev/null
        psql -h $T -U postgres -qAt -c "create table t as select g, md5(g::text) m from generate_series(1, 300000) g;
        create index on t(m); select count(*), min(m), max(g) from t where m > '8';
        select md5(string_agg(m, '' order by m)) from t;"
        as pg_ctl -D $T/db -m fast stop > /dev/null""",
    "python3": """python3 -c "
import json, zlib, hashlib, re, collections
t = open('$W/text').read(); c = collections.Counter(re.findall(r'\\\\w+', t)); print(c.most_common(5))
d = json.loads(json.dumps({k: list(range(n % 50)) for k, n in c.items()})); print(len(d))
print(hashlib.sha256(zlib.compress(t.encode())).hexdigest())" """,
    "numpy": """python3 -c "
import numpy as n; r = n.random.default_rng(1); a = r.random((1500, 1500)); b = n.linalg.solve(a, a @ a)
print(round(float(abs(a - b).max()), 6), float(n.sort(r.random(4000000))[1234567]), n.fft.fft(r.random(1 << 20)).shape)" """,
    "scipy": """python3 -c "
import scipy.sparse as s, scipy.sparse.linalg as l, numpy as n
m = s.diags([-1, 4, -1], [-1, 0, 1], shape=(200000, 200000), format='csc'); x = l.spsolve(m, n.ones(200000)); print(x.sum().round(6))" """,
    "perl": """perl -e 'open F, "$ENV{W}/text"; while (<F>) { $h{$_}++ for split } print scalar(keys %h), "\\n"; print join ",", (sort { $h{$b} <=> $h{$a} || $a cmp $b } keys %h)[0..20]'""",
    "ruby": """ruby -e 'h = Hash.new(0); File.foreach(ENV["W"] + "/text") { |l| l.split.each { |w| h[w] += 1 } }; p h.size, h.sort_by { |k, v| [-v, k] }.first(5); GC.start; p (1..500000).map { |n| n.to_s * 3 }.sort.last'""",
    "lua": """lua5.4 -e 'local t = {} for n = 1, 2000000 do t[n] = n * 7 % 1000003 end table.sort(t) print(t[1000000]) local s = {} for n = 1, 300000 do s[n] = tostring(n) end print(#table.concat(s))'""",
    "php": """php -r '$a = []; for ($n = 0; $n < 1000000; $n++) $a[] = md5((string)$n); sort($a); echo $a[5000], strlen(implode("", $a));'""",
    "guile": """guile --no-auto-compile -c '(let ((v (make-vector 1000000 0))) (do ((i 0 (+ i 1))) ((= i 1000000)) (vector-set! v i (modulo (* i 7919) 1000003))) (display (vector-ref (sort v <) 500000)))'""",
    "node": """node -e 'const m = new Map(); for (let n = 0; n < 800000; n++) m.set("k" + n, Buffer.alloc(100, n)); let s = 0; for (const v of m.values()) s += v[7]; console.log(s, require("zlib").gzipSync(require("fs").readFileSync(process.env.W + "/text")).length)'""",
    "java": """cat > $T/A.java <<< 'import java.util.*; public class A { public static void main(String[] a) { var m = new TreeMap<String, byte[]>(); for (int n = 0; n < 400000; n++) m.put("k" + n * 7919L % 1000003, new byte[100]); System.out.println(m.size() + m.firstKey() + m.lastKey()); } }'
        java -Xmx512m $T/A.java""",
    "gcc": """cp $TOP/preload/base/config.c $T; cd $T; gcc -D_GNU_SOURCE -I$TOP/preload -O2 -S config.c -o a.s; sha256sum a.s""",
    "g++": """echo '#include <bits/stdc++.h>
        int main() { std::map<std::string, std::vector<int>> m; for (int i = 0; i < 300000; i++) m[std::to_string(i)].push_back(i);
        std::vector<double> v(5000000, 1.5); std::cout << m.size() << std::accumulate(v.begin(), v.end(), 0.0); }' > $T/a.cc
        cd $T; g++ -O1 a.cc -o a; ./a""",
    "clang": """cp $TOP/preload/base/config.c $T; cd $T; clang -D_GNU_SOURCE -I$TOP/preload -O2 -S config.c -o a.s; sha256sum a.s""",
    "make": """cd $T; for n in $(seq 40); do echo "int f$n(int x) { return x * $n; }" > f$n.c; done
        printf 'all: lib.a\\n%%.o: %%.c\\n\\t@gcc -O2 -c $< -o $@\\nlib.a: $(patsubst %%.c,%%.o,$(wildcard *.c))\\n\\t@ar rcD $@ $(sort $^)\\n' > Makefile
        make -j2; nm lib.a | sort | sha256sum""",
    "git": """cd $T; git init -q r; cd r; export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000' GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
        for n in 1 2 3 4; do head -c ${n}000000 $W/text > f; git add f; git commit -q -m $n; done
        git repack -q -adf --window=50; git fsck --full --strict 2> /dev/null | grep -v dangling; git rev-parse HEAD; git log -p | sha256sum""",
    "xz": "xz -9 -c $W/text | tee $T/x | sha256sum; xz -dc $T/x | sha256sum",
    "zstd": "zstd -q -19 --long=27 -T2 -c $W/text | zstd -q -d --long=27 | sha256sum",
    "bzip2": "bzip2 -c $W/text | tee $T/x | sha256sum; bzip2 -dc $T/x | sha256sum",
    "pigz": "pigz -n -p2 -c $W/text | tee $T/x | sha256sum; pigz -dc $T/x | sha256sum",
    "lz4": "lz4 -q -9 -c $W/text | tee $T/x | sha256sum; lz4 -dc $T/x | sha256sum",
    "brotli": "brotli -q 9 --lgwin=24 -c $W/text | tee $T/x | sha256sum; brotli -dc $T/x | sha256sum",
    "7z": "cd $T; 7z a -bd -mx=7 -mmt=2 x.7z $W/text > /dev/null && 7z x -so x.7z | sha256sum",
    "ffmpeg": """ffmpeg -v error -f lavfi -i testsrc2=size=1280x720:rate=25:duration=4 -threads 2 -c:v mpeg4 -qscale 3 -fflags +bitexact -flags +bitexact $T/a.avi
        ffmpeg -v error -i $T/a.avi -threads 2 -f framemd5 - | sha256sum""",
    "imagemagick": "convert -size 3000x2000 plasma:fractal -seed 1 -resize 50% -blur 0x3 +dither -depth 8 -define seed=1 $T/a.png; convert -size 2000x2000 gradient:red-blue -swirl 90 -blur 0x4 -depth 8 rgb:- | sha256sum",
    "ghostscript": """echo '%!PS
        /Helvetica findfont 20 scalefont setfont 1 1 30 { 72 exch 24 mul 40 add moveto (page) show 0 1 50 { 10 mul dup 300 moveto 300 lineto stroke } for } for showpage' > $T/a.ps
        gs -q -dNOPAUSE -dBATCH -sDEVICE=ppmraw -r200 -sOutputFile=- $T/a.ps | sha256sum""",
    "graphviz": """python3 -c "
print('digraph g {'); [print(f'a{n} -> a{n * 7 % 211}') for n in range(400)]; print('}')" | dot -Tplain | sha256sum""",
    "gnuplot": """gnuplot -e 'set terminal svg; set samples 20000; plot sin(x) * exp(-x / 10)' | sha256sum""",
    "octave": """octave-cli --no-init-file --eval 'rand("seed", 1); a = reshape(mod((1:1000000) * 7919, 1009), 1000, 1000); b = a * a; printf("%d %d\\n", trace(b), sum(sort(a(:))(1:5000)))'""",
    "vim": """cp $W/text $T/t; cd $T; vim -u NONE -N -es -c '%s/GET/PUT/g' -c 'sort' -c 'wq' t; sha256sum < t""",
    "emacs": """emacs -Q --batch --eval '(with-temp-buffer (insert-file-contents (concat (getenv "W") "/text")) (goto-char (point-min)) (while (search-forward "GET" nil t) (replace-match "PUT")) (sort-lines nil (point-min) (/ (point-max) 4)) (princ (secure-hash (quote sha256) (current-buffer))))'""",
    "jq": """jq -R -s 'split("\\n") | map(split(" ")) | group_by(.[1]) | map({h: .[0][1], n: length}) | tostring | length' < $W/small""",
    "gawk": """gawk '{ c[$4]++; s[$2] += $5 } END { n = asorti(c, k); print n, k[1], k[n]; for (h in s) print h, s[h] | "sort" }' $W/text""",
    "sort": "sort -S 200M --parallel=2 $W/text | sha256sum",
    "openssl": "openssl genrsa 512 2> /dev/null | wc -l; openssl dgst -sha3-256 < $W/text; openssl enc -aes-256-ctr -pbkdf2 -S 0011223344556677 -pass pass:x -in $W/text | sha256sum",
    "bwa": """cd $T; cp $W/genome.fa .; bwa index genome.fa 2> /dev/null; bwa mem -t 2 -K 1000000 genome.fa $W/reads.fq 2> /dev/null | grep -v ^@PG > a.sam; sha256sum a.sam""",
    "samtools": """cd $T; python3 -c "
print('@SQ\\tSN:c\\tLN:1000000')
for n in range(200000): print('r%d\\t0\\tc\\t%d\\t60\\t50M\\t*\\t0\\t0\\t%s\\t%s' % (n, n * 7919 % 900000 + 1, 'ACGTA' * 10, 'I' * 50))" > a.sam
        samtools sort -@ 2 -m 20M --no-PG a.sam -o b.bam; samtools index b.bam; samtools view b.bam | sha256sum; samtools depth b.bam | sha256sum""",
    "gdb": """cd $T; gdb -q -batch -nx -ex 'info functions malloc' $TOP/build/bench/gups | grep -c malloc""",
    "chromium": """cd $T; echo '<html><body><script>let s = 0; const a = []; for (let n = 0; n < 300000; n++) a.push("x" + n); document.write(a.join("").length)</script></body></html>' > a.html
        chromium --headless --no-sandbox --disable-gpu --user-data-dir=$T/c --dump-dom file://$T/a.html 2> /dev/null | grep -o '<body>.*' | sha256sum""",
}


def inputs(folder):
    seed = 1
    with open(folder / "text", "w", encoding="ascii") as out:
        for n in range(350000):
            seed = (seed * 6364136223846793005 + 1442695040888963407) & 0xffffffffffffffff
            out.write(f"{seed >> 40:06x} host{seed >> 60} GET /item/{(seed >> 33) % 50000} {(seed >> 20) % 700} status {n % 7} and some words\n")
    with open(folder / "text", encoding="ascii") as text, open(folder / "small", "w", encoding="ascii") as out:
        out.writelines(line for line, _ in zip(text, range(60000)))
    genome = []
    for _ in range(1000000):
        seed = (seed * 6364136223846793005 + 1442695040888963407) & 0xffffffffffffffff
        genome.append("ACGT"[seed >> 62])
    genome = "".join(genome)
    (folder / "genome.fa").write_text(">c\n" + genome + "\n", encoding="ascii")
    with open(folder / "reads.fq", "w", encoding="ascii") as out:
        for n in range(20000):
            at = n * 7919 % 999000
            out.write(f"@r{n}\n{genome[at:at + 100]}\n+\n{'I' * 100}\n")


def run(command, work, preload):
    """(seconds, peak RSS in kB, status, output, complaints, large calls)"""
    scratch = Path(tempfile.mkdtemp(dir="/tmp", prefix="p"))
    os.chmod(scratch, 0o777)  # some servers don't run as root
    env = {**BASE, "W": str(work), "T": str(scratch), "TOP": str(TOP), "HOME": str(scratch)}
    if preload:
        env |= {"LD_PRELOAD": f"{work}/libdphuge.so", "DPHUGE_STATS": "1"}
    with open(scratch / ".out", "wb") as out, open(scratch / ".err", "wb") as err:
        start = time.monotonic()
        child = subprocess.Popen(["timeout", "-k", "5", "120", "bash", "-c", command], env=env, stdout=out, stderr=err, cwd=scratch,
                                 stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        seconds = time.monotonic() - start
    output = (scratch / ".out").read_bytes().replace(str(scratch).encode(), b"$T")
    errors = (scratch / ".err").read_text(errors="replace").replace(str(scratch), "$T")
    shutil.rmtree(scratch, ignore_errors=True)
    calls = sum(map(int, re.findall(r"large: (\d+) calls", errors)))
    complaints = "".join(line for line in errors.splitlines(True) if not re.match(r"dphuge: pid \d+", line))
    return seconds, usage.ru_maxrss, status, output, complaints, calls


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="runs of each, interleaved (default 1)")
    parser.add_argument("--json", metavar="FILE", help="write every result there")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(PROGRAMS)} (default: all)")
    args = parser.parse_args()
    if set(args.name) - set(PROGRAMS):
        parser.error(f"no such program: {', '.join(sorted(set(args.name) - set(PROGRAMS)))}; see --help")
    failed, results = [], {}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        shutil.copy(LIBRARY, f"{folder}/libdphuge.so")  # where servers that aren't root see it
        # In a child: what we are resident with would count in every program's peak.
        child = os.fork()
        if not child:
            inputs(Path(folder))
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            raise SystemExit("programs: the inputs could not be written")
        print(f"{'program':12} {'result':8} {'large calls':>11} {'seconds':>8} {'speed':>6} {'peak MiB':>8} {'of glibc':>8}")
        for name in args.name or PROGRAMS:
            runs = {False: [], True: []}
            for _ in range(args.rounds):
                for preload in (False, True):
                    runs[preload].append(run(PROGRAMS[name], folder, preload))
            plain, ours = runs[False][0], runs[True][-1]
            same = all(r[2] == 0 and r[3] == plain[3] for r in runs[False] + runs[True]) and ours[4] == plain[4]
            seconds, peak = ([statistics.median(r[n] for r in runs[p]) for p in (False, True)] for n in (0, 1))
            results[name] = {"same": same, "large_calls": ours[5], "seconds": seconds, "peak_kb": peak}
            print(f"{name:12} {'same' if same else 'DIFFERS':8} {ours[5]:11} {seconds[1]:8.2f} {seconds[0] / seconds[1]:6.2f} "
                  f"{peak[1] / 1024:8.0f} {peak[1] / peak[0]:8.2f}", flush=True)
            if not same:
                failed.append(name)
                for r in (plain, ours):
                    print(f"    status {r[2]}, output {r[3][:300]!r}, errors {r[4][:500]!r}")
    print(f"{len(results)} programs, {len(failed)} differ" + (f": {', '.join(failed)}" if failed else ""))
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
