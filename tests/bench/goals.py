"""Were the goals met? The table of the measured values, and each goal as one row with its values.

A goal that this run cannot check is skipped with the reason; it never counts as met.
"""

import dataclasses

from measure import CROWD

FLOOR_FACTOR = 1.5         # *.consul: at most this many times the echo server's CPU per query
REFERENCE_FACTOR = 10      # at least this many times less than dnsmasq + Consul agent
RESIDENT_MB = 16
ALLOCATIONS = 0.001        # per query; allows the few of the control thread


@dataclasses.dataclass
class Figures:
    runs: dict = dataclasses.field(default_factory=dict)         # (key, rate) -> Run
    crowd: dict = dataclasses.field(default_factory=dict)        # key -> Run with more queries in flight than dnsmasq accepts
    resident: dict = dataclasses.field(default_factory=dict)     # key -> label -> bytes
    calls: dict = dataclasses.field(default_factory=dict)        # (key, rate) -> system calls per query or None
    allocations: dict = dataclasses.field(default_factory=dict)  # key -> per query

    def cpu(self, key, rate):
        run = self.runs.get((key, rate))
        return run.cpu if run else None


@dataclasses.dataclass
class Verdict:
    state: str                # ok, MISSED, skipped
    text: str


def words(rate):
    return f"{rate:,} q/s" if rate else "saturation"


# -- the table ---------------------------------------------------------------------------------------------------------


def table(found, rows, rates):
    lines, notes = [], []
    head = f"{'':26}" + "".join(f"{words(rate):>13}" for rate in rates) + f"{'max q/s':>11}{'lost':>7}{'refused+':>10}" \
        f"{'calls/q':>14}{'alloc/q':>9}{'RSS MB':>8}"
    titles = {"consul": "*.consul, CPU ns per query at", "cached": "forwarded, from the cache"}
    last = None
    for key, title, workload in rows:
        if (key, None) not in found.runs:
            continue
        if workload != last:
            lines += ["", titles[workload]] + ([head] if last is None else [])
            last = workload
        lines.append(_row(found, key, title, rates, notes))
        labels = list(found.runs[key, None].cpu_ns)
        if len(labels) > 1:
            lines += [_part(found, key, label, rates) for label in labels]
    lines += ["", "ratios of CPU per query"]
    for title, above, below in (("lictor / echo", "lictor", "echo"), ("(dnsmasq + Consul) / lictor", "dnsmasq+consul", "lictor"),
                                ("(dnsmasq + Consul) / echo", "dnsmasq+consul", "echo"),
                                ("cached: lictor / dnsmasq", "lictor cached", "dnsmasq cached"),
                                ("cached: lictor / unbound", "lictor cached", "unbound cached")):
        cells = [_ratio(found, above, below, rate) for rate in rates]
        if any(cells):
            lines.append(f"  {title:28}" + "".join(f"{f'{cell:.2f}' if cell else '-':>{13 if i else 9}}" for i, cell in enumerate(cells)))
    lines.append("")
    lines.append(f"refused+: share of replies with REFUSED or SERVFAIL with {CROWD} queries in flight (100 in the other runs).")
    lines += ["calls/q: system calls per query at 5,000 q/s and at saturation."] if any(found.calls.values()) else []
    if notes:
        lines.append("* did not keep up: " + "; ".join(notes) + ".")
    return "\n".join(lines).strip("\n") + "\n"


def _row(found, key, title, rates, notes):
    cells = ""
    for rate in rates:
        run = found.runs[key, rate]
        cells += f"{f'{run.cpu:,.0f}' + ('' if run.reached else '*'):>13}"
        if not run.reached:
            notes.append(f"{title} {run.rate:,.0f} of {words(rate)}")
    saturated = found.runs[key, None]
    lost = sum(run.lost for (owner, _), run in found.runs.items() if owner == key)
    crowd = found.crowd[key]
    calls = [found.calls.get((key, rate)) for rate in (rates[0], None)]
    both = " / ".join("-" if count is None else f"{count:.2f}" for count in calls)
    allocated = f"{found.allocations[key]:.3f}" if key in found.allocations else "-"
    return f"  {title:24}{cells}{saturated.rate:>11,.0f}{lost:>7}{crowd.bad / crowd.completed:>10.1%}{both:>14}{allocated:>9}" \
        f"{sum(found.resident[key].values()) / 1e6:>8.1f}"


def _part(found, key, label, rates):
    cells = "".join(f"{found.runs[key, rate].cpu_ns[label]:>13,.0f}" for rate in rates)
    return f"    of it {label:18}{cells}{'':51}{found.resident[key][label] / 1e6:>8.1f}"


def _ratio(found, above, below, rate):
    top, bottom = found.cpu(above, rate), found.cpu(below, rate)
    return top / bottom if top and bottom else None


# -- the goals ---------------------------------------------------------------------------------------------------------


def check(found, rates):
    verdicts = []
    for rate in rates:
        verdicts.append(_at_most(f"*.consul at {words(rate)}: at most {FLOOR_FACTOR} times the echo server's CPU per query",
                                 _ratio(found, "lictor", "echo", rate), FLOOR_FACTOR))
    for rate in rates:
        verdicts.append(_reference(found, rate))
    for rate in rates:
        verdicts.append(_at_most(f"cached forwarded at {words(rate)}: cheaper than dnsmasq",
                                 _ratio(found, "lictor cached", "dnsmasq cached", rate), 1.0))
    verdicts.append(_resident(found))
    verdicts += _nothing_bad(found, rates)
    verdicts.append(_at_most("*.consul: no allocation per query", found.allocations.get("lictor"), ALLOCATIONS, "{:.5f}"))
    return verdicts


def _at_most(text, value, bound, shape="{:.2f}"):
    if value is None:
        return Verdict("skipped", f"{text} (not measured)")
    return Verdict("ok" if value <= bound else "MISSED", f"{text} ({shape.format(value)})")


def _reference(found, rate):
    text = f"*.consul at {words(rate)}: at least {REFERENCE_FACTOR} times less CPU than dnsmasq + Consul agent"
    ratio, floor = _ratio(found, "dnsmasq+consul", "lictor", rate), _ratio(found, "dnsmasq+consul", "echo", rate)
    if ratio is None:
        return Verdict("skipped", f"{text} (not measured)")
    if ratio < REFERENCE_FACTOR and floor < REFERENCE_FACTOR * FLOOR_FACTOR:
        # At low rates the wake-up for each query is most of the cost, for every server.
        return Verdict("skipped", f"{text} ({ratio:.1f}, not possible here: the echo server's ratio is {floor:.1f})")
    return Verdict("ok" if ratio >= REFERENCE_FACTOR else "MISSED", f"{text} ({ratio:.1f})")


def _resident(found):
    text = f"resident memory with the sample cluster below {RESIDENT_MB} MB"
    if "sample cluster" not in found.resident:
        return Verdict("skipped", f"{text} (not measured)")
    used = sum(found.resident["sample cluster"].values()) / 1e6
    return Verdict("ok" if used < RESIDENT_MB else "MISSED", f"{text} ({used:.1f} MB)")


def _nothing_bad(found, rates):
    out = []
    for key, title in (("lictor", "*.consul"), ("lictor cached", "cached forwarded")):
        runs = [found.runs[key, rate] for rate in rates if (key, rate) in found.runs]
        crowd = [found.crowd[key]] if key in found.crowd else []
        for text, over, count in ((f"none refused, none failed, also with {CROWD} in flight", runs + crowd, lambda run: run.bad),
                                  ("none lost, also at saturation", runs, lambda run: run.lost)):
            if not runs:
                out.append(Verdict("skipped", f"{title}: {text} (not measured)"))
                continue
            bad, of = sum(map(count, over)), sum(run.completed for run in over)
            out.append(Verdict("ok" if bad == 0 else "MISSED", f"{title}: {text} ({bad:,} of {of:,})"))
    return out


def report(verdicts):
    return "goals\n" + "\n".join(f"  {verdict.state:8}{verdict.text}" for verdict in verdicts)
