# shellcheck shell=bash
# SPDX-License-Identifier: MIT
ffmpeg -v error -f lavfi -i testsrc2=size=1280x720:rate=25:duration=4 -threads 2 -c:v mpeg4 -qscale 3 \
	-fflags +bitexact -flags +bitexact a.avi
ffmpeg -v error -i a.avi -threads 2 -f framemd5 - | sha256sum
