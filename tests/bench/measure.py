"""What does a query cost? One dnsperf run against one server: the CPU time, system calls and allocations of its threads.

CPU time is the kernel's value in /proc/PID/task/*/schedstat, in nanoseconds, of all threads of all processes that take part in the
answer. It is read before and after the run and divided by the number of answered queries. It does not depend on the speed of the
client, which is always limited to one dnsperf process.
"""

import collections
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import statistics
import struct
import subprocess
import time

from servers import Failed, command_of

CLIENTS, OUTSTANDING = 8, 100
CROWD = 300  # queries in flight in the run that counts refusals; dnsmasq allows 150


@dataclasses.dataclass
class Run:
    """One run, or the median of several."""
    offered: int | None      # queries a second, None = as many as possible
    rate: float              # answered queries a second
    completed: int
    lost: int
    codes: dict              # response code -> replies
    latency_ms: float
    cpu_ns: dict             # process label -> nanoseconds per answered query

    @property
    def cpu(self):
        return sum(self.cpu_ns.values())

    @property
    def reached(self):
        return self.offered is None or self.rate >= 0.95 * self.offered

    @property
    def bad(self):
        """Replies other than NOERROR. NXDOMAIN counts, too: all queried names exist."""
        return self.completed - self.codes.get("NOERROR", 0)


def thread_times(pid):
    """Thread id -> nanoseconds on a CPU."""
    times = {}
    for entry in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            times[entry.name] = int((entry / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass  # the thread has ended
    return times


def spent(before, after):
    return sum(time - before.get(thread, 0) for thread, time in after.items())


def dnsperf(bench, port, queries, seconds, offered, outstanding=OUTSTANDING):
    """The output of a finished dnsperf."""
    command = [command_of("dnsperf", "dnsperf"), "-s", "127.0.0.1", "-p", str(port), "-d", str(queries), "-c", str(CLIENTS),
               "-q", str(outstanding), "-T", "1", "-l", str(seconds), "-t", "2"]
    if offered:
        command += ["-Q", str(offered)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=bench.pin(bench.client_core))
    if done.returncode:
        raise Failed(f"dnsperf ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def number(pattern, text):
    found = re.search(pattern, text)
    if not found:
        raise Failed(f"no {pattern!r} in the output of dnsperf:\n{text[-600:]}")
    return float(found.group(1))


def once(bench, server, queries, seconds, offered, outstanding=OUTSTANDING):
    before = {label: thread_times(process.pid) for label, process in server.processes.items()}
    text = dnsperf(bench, server.port, queries, seconds, offered, outstanding)
    after = {label: thread_times(process.pid) for label, process in server.processes.items()}
    completed = int(number(r"Queries completed:\s+(\d+)", text))
    if completed == 0:
        raise Failed(f"the server on port {server.port} answered nothing")
    codes = {code: int(count) for code, count in re.findall(r"([A-Z]+) (\d+) \(", re.search(r"Response codes:(.*)", text).group(1))}
    return Run(offered, number(r"Queries per second:\s+([\d.]+)", text), completed, int(number(r"Queries lost:\s+(\d+)", text)),
               codes, number(r"Average Latency \(s\):\s+([\d.]+)", text) * 1000,
               {label: spent(before[label], after[label]) / completed for label in before})


def median(runs):
    """One Run from several equal ones: the median of each value; lost queries and response codes are summed."""
    codes = collections.Counter()
    for run in runs:
        codes.update(run.codes)
    middle = lambda field: statistics.median(getattr(run, field) for run in runs)  # noqa: E731
    return Run(runs[0].offered, middle("rate"), sum(run.completed for run in runs), sum(run.lost for run in runs), dict(codes),
               middle("latency_ms"), {label: statistics.median(run.cpu_ns[label] for run in runs) for label in runs[0].cpu_ns})


# -- system calls ------------------------------------------------------------------------------------------------------


def perf_counts():
    """Whether perf can count system calls here; this needs the kernel's tracepoints."""
    if not shutil.which("perf"):
        return False
    done = subprocess.run(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"], capture_output=True, text=True)
    return done.returncode == 0 and re.search(r"^\d+,", done.stderr, re.M) is not None


def system_calls(bench, server, queries, seconds, offered, with_perf):
    """System calls per answered query, None if they cannot be counted here. Counting costs time, so it has a run of its own."""
    if with_perf:
        report = bench.work / "perf"
        counter = subprocess.Popen(["perf", "stat", "-x,", "-o", report, "-e", "raw_syscalls:sys_enter", "-p",
                                    ",".join(map(str, server.pids()))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pattern = r"^(\d+),.*raw_syscalls"
    elif shutil.which("strace"):
        report = bench.work / "strace"
        attached = [part for pid in server.pids() for part in ("-p", str(pid))]
        counter = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", report, *attached], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        pattern = r"^\s*(\d+)\s+total"
    else:
        return None
    time.sleep(0.3)  # perf and strace attach to one thread after the other
    text = dnsperf(bench, server.port, queries, seconds, offered)
    counter.send_signal(signal.SIGINT)
    counter.wait(20)
    found = re.search(pattern, report.read_text(), re.M)
    completed = number(r"Queries completed:\s+(\d+)", text)
    return int(found.group(1)) / completed if found and completed else None


# -- allocations -------------------------------------------------------------------------------------------------------


class Allocations:
    """The counter of the preloaded library, see allocations.cpp."""

    def __init__(self, bench):
        self.path = bench.work / "allocations"
        self.path.write_bytes(bytes(8))
        self.path.chmod(0o666)
        self.environment = {"LICTOR_ALLOCATIONS": str(self.path),
                            "LD_PRELOAD": str(bench.built("lictor-bench-allocations", "allocations.cpp", "-shared", "-fPIC"))}

    def count(self):
        return struct.unpack("=Q", self.path.read_bytes())[0]

    def per_query(self, bench, server, queries, seconds):
        before = self.count()
        text = dnsperf(bench, server.port, queries, seconds, None)
        return (self.count() - before) / max(1, number(r"Queries completed:\s+(\d+)", text))


def load_of_others():
    """The load average of the last minute; other load distorts the figures."""
    return os.getloadavg()[0]
