# shellcheck shell=bash
# SPDX-License-Identifier: MIT
git init -q r
cd r || exit
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a
export GIT_COMMITTER_DATE='1000000000 +0000' GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
for n in 1 2 3 4; do
	head -c ${n}000000 "$W/text" > f
	git add f
	git commit -q -m $n
done
git repack -q -adf --window=50
git fsck --full --strict 2> /dev/null | grep -v dangling
git rev-parse HEAD
git log -p | sha256sum
