# shellcheck shell=bash
# SPDX-License-Identifier: MIT
for n in $(seq 40); do echo "int f$n(int x) { return x * $n; }" > "f$n.c"; done
cat > Makefile << 'END'
all: lib.a
%.o: %.c
	@gcc -O2 -c $< -o $@
lib.a: $(patsubst %.c,%.o,$(wildcard *.c))
	@ar rcD $@ $(sort $^)
END
make -j2
nm lib.a | sort | sha256sum
