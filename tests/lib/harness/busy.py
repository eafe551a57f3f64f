"""How busy is this machine? Time limits are longer on a busy one. Needs the standard library only."""

import os

BUSY_MAX = 10.0


def busy():
    """How many times as long as on an idle machine may a program need now? Tasks that run or wait for a processor, for each processor: the
    average of the last minute, or now if that is more. 1 to BUSY_MAX."""
    with open("/proc/loadavg") as file:
        minute, _five, _fifteen, tasks, _last = file.read().split()
    waiting = max(float(minute), float(tasks.split("/")[0]))
    return min(BUSY_MAX, max(1.0, waiting / (os.cpu_count() or 1)))
