"""Looks NAME up 200 times; prints the milliseconds of the median, and how many addresses came."""

import socket
import statistics
import sys
import time

times = []
for _ in range(200):
    start = time.perf_counter()
    found = socket.getaddrinfo(sys.argv[1], 8000, type=socket.SOCK_STREAM)
    times.append(1000 * (time.perf_counter() - start))
print(statistics.median(times), len(found))
