# shellcheck shell=bash
# SPDX-License-Identifier: MIT
redis-server --port 0 --unixsocket "$T/s" --save '' --daemonize yes --dir "$T" --logfile "$T/log" > /dev/null
until redis-cli -s "$T/s" ping > /dev/null 2>&1; do sleep 0.1; done
redis-benchmark -s "$T/s" -q -n 100000 -r 100000 -d 100 -t set,lpush,zadd -P 16 > /dev/null
redis-cli -s "$T/s" debug set-active-expire 0 > /dev/null
redis-cli -s "$T/s" set big "$(head -c 3000 "$W/text" | base64 -w0)"
redis-cli -s "$T/s" save
redis-cli -s "$T/s" bgsave > /dev/null
sleep 1
redis-cli -s "$T/s" strlen big
redis-cli -s "$T/s" shutdown nosave
