"""Calls URL for a second, each on a connection of its own and with a look-up before it."""

import http.client
import sys
import time
from urllib.parse import urlsplit

url = urlsplit(sys.argv[1])
calls, start = 0, time.monotonic()
while (spent := time.monotonic() - start) < 1:
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=10)
    connection.request("GET", url.path)
    if connection.getresponse().status != 200:
        sys.exit(f"{sys.argv[1]}: expected 200")
    connection.close()
    calls += 1
print(calls / spent)
