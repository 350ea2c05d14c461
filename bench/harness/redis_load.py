#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Start a redis-server with the environment that $SERVER_ENV has as JSON, fill it, read it and
stop it: redis_load.py FOLDER KEYS. Only the server has that environment, not redis-benchmark,
which makes the load."""

import json
import os
import subprocess
import sys
import time

folder, keys = sys.argv[1], sys.argv[2]
socket = f"{folder}/socket"
server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder],
                          env=dict(os.environ, **json.loads(os.environ.get("SERVER_ENV", "{}"))), stdout=subprocess.DEVNULL)
while subprocess.run(["redis-cli", "-s", socket, "ping"], capture_output=True, check=False).stdout != b"PONG\n":
    if server.poll() is not None:
        sys.exit("redis_load: redis-server has ended by itself")
    time.sleep(0.01)
# All commands use keys of the same range: after the first command most of them exist.
subprocess.run(["redis-benchmark", "-s", socket, "-q", "-n", keys, "-r", keys, "-d", "1000", "-P", "32", "-t", "set,get,lpush"],
               stdout=subprocess.DEVNULL, check=True)
subprocess.run(["redis-cli", "-s", socket, "shutdown", "nosave"], check=False, stderr=subprocess.DEVNULL)
sys.exit(server.wait())
