"""Holds every packet between two taps back for a while.

Usage: delay-relay.py HOST DELAY_MS JITTER_MS; makes the taps ta-HOST and tb-HOST, which go when it ends.
"""
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
host, delay, jitter = sys.argv[1], float(sys.argv[2]) / 1000, float(sys.argv[3]) / 1000


def tap(name):
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return handle


near, far = tap("ta-" + host), tap("tb-" + host)
other = {near: far, far: near}
last_due = {near: 0.0, far: 0.0}
held, count = [], 0
while True:
    now = time.monotonic()
    while held and held[0][0] <= now:
        _, _, to, packet = heapq.heappop(held)
        try:
            os.write(to, packet)
        except OSError:
            pass  # The tap is down for a moment or its queue is full: lost, as on a wire.
    wait = max(0, held[0][0] - time.monotonic()) if held else None
    for ready in select.select([near, far], [], [], wait)[0]:
        for _ in range(64):
            try:
                packet = os.read(ready, 65536)
            except BlockingIOError:
                break
            to, count = other[ready], count + 1
            # Never before one that came earlier: reordering is another fault.
            due = max(last_due[to], time.monotonic() + delay + random.uniform(-jitter, jitter))
            last_due[to] = due
            heapq.heappush(held, (due, count, to, packet))
