"""A DNS server for lab 07: *.example.test is 192.0.2.7, and it prints what is asked (RFC 1035)."""

import re
import socket

HEADER, KNOWN, UNKNOWN = 12, b"\x81\x80", b"\x81\x83"  # bytes; the flags of an answer, of NXDOMAIN
RECORD = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + bytes([192, 0, 2, 7])  # the name asked for, A, IN, TTL 0

server = socket.socket(type=socket.SOCK_DGRAM)
server.bind(("", 53))
while True:
    packet, asker = server.recvfrom(512)
    end = packet.index(0, HEADER) + 5  # of the question: the name, 0, its type, its class
    # Each part of a name stands behind its length: here the lengths become dots.
    name = re.sub(rb"[\1-\x1f]", b".", packet[HEADER + 1 : end - 5]).decode()
    known, ipv4 = name.endswith(".example.test"), packet[end - 3] == 1
    if ipv4:
        print(name, flush=True)
    head = packet[:2] + (KNOWN if known else UNKNOWN) + bytes([0, 1, 0, known and ipv4]) + bytes(4)
    server.sendto(head + packet[HEADER:end] + RECORD * (known and ipv4), asker)
