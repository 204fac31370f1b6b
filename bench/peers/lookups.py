"""Waits until NAME has COUNT addresses and each answers, then looks it up 200 times.

Prints the Unix time when all had answered, and the milliseconds of the median look-up.
"""

import contextlib
import http.client
import socket
import statistics
import sys
import time

name, count = sys.argv[1], int(sys.argv[2])
healthy, times = set[str](), []


def look_up() -> set[str]:
    """The addresses of the name; none while it has none."""
    with contextlib.suppress(socket.gaierror):
        found = socket.getaddrinfo(name, 8000, socket.AF_INET, socket.SOCK_STREAM)
        return {str(one[4][0]) for one in found}
    return set()


while len(healthy) < count:
    for address in look_up() - healthy:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(address, 8000, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                healthy.add(address)
            connection.close()
    time.sleep(0.01)
done = time.time()
for _ in range(200):
    start = time.perf_counter()
    look_up()
    times.append(1000 * (time.perf_counter() - start))
print(done, statistics.median(times))
