"""The reference clusters of container/ for tests: started under their own project name, inspected, switched over, broken and repaired.

    with ReferenceCluster(1, "some-test") as cluster:      # always destroyed at the end
        cluster.start()                                    # or start("dnsmasq"): set-up 1 with application-dnsmasq in addition
        cluster.wait()                                     # until three members run and every application writes
        old = cluster.leader()
        cluster.switchover()                               # or switchover("patroni03")
        new = cluster.wait_leader(other_than=old)
        cluster.kill(new); cluster.wait_leader(other_than=new); cluster.heal()

make() runs the targets of the Makefile; everything else goes through container/lib/cluster, which selects the container engine. Containers are
named by their compose service (patroni01, application01, node1, ...). address(service) is their address as seen from the host (podman as root,
or Docker on Linux). Images are built once for all projects: build() skips what exists.
"""

import json
import os
import pathlib
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
CONTAINER = ROOT / "container"


class ClusterError(RuntimeError):
    """A command of the cluster failed, or a condition did not come true in time."""


class ReferenceCluster:
    def __init__(self, setup, project, **settings):
        """settings: variables of the Makefile: TTL, TICK, SUBNET, BASE_IMAGE, ..."""
        self.setup, self.project = setup, project
        self.nodes = [f"patroni0{n}" for n in (1, 2, 3)] if setup == 1 else [f"node{n}" for n in (1, 2, 3)]
        self.environment = {**os.environ, "SETUP": str(setup), "PROJECT": project, **{key: str(value) for key, value in settings.items()}}

    def __enter__(self):
        self.destroy()
        return self

    def __exit__(self, *_):
        self.destroy()

    # -- commands -----------------------------------------------------------------------------------------------------

    def run(self, *command, within=600, check=True):
        """Runs the command in the cluster's environment; returns stdout and stderr as one text."""
        done = subprocess.run(list(map(str, command)), env=self.environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=within)
        if check and done.returncode != 0:
            raise ClusterError(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stdout[-1500:]}")
        return done.stdout

    def make(self, target, *variables, within=600):
        return self.run("make", "-s", "-C", CONTAINER, target, *variables, within=within)

    def call(self, *words, within=600, check=True):
        """Calls a function of container/lib/cluster."""
        return self.run(CONTAINER / "lib/cluster", *words, within=within, check=check)

    def engine(self, *words, check=True):
        """Runs docker or podman with the settings that this machine needs."""
        return self.call("engine", *words, check=check)

    def compose(self, *words):
        return self.call("compose", *words)

    # -- the whole cluster --------------------------------------------------------------------------------------------

    def build(self):
        """Builds the images. If the public base image is not available, make base builds one from Debian packages."""
        if self.environment.get("BASE_IMAGE") is None:
            self.make("base", within=400)
        return self.make("build", within=1200)

    def start(self, *profiles):
        if profiles:
            self.compose(*(word for profile in profiles for word in ("--profile", profile)), "up", "-d")
        else:
            self.make("start")

    def wait(self, seconds=240):
        """Waits until three members run and every application writes."""
        self.make("wait", within=seconds)

    def destroy(self):
        self.make("destroy")

    def left_behind(self):
        """The containers, networks and volumes of this project that still exist."""
        label = f"label=com.docker.compose.project={self.project}"
        return [line for kind in (("ps", "-a"), ("network", "ls"), ("volume", "ls"))
                for line in self.engine(*kind, "-q", "--filter", label).split()]

    # -- one container ------------------------------------------------------------------------------------------------

    def inside(self, service, *command, check=True, within=60):
        """Runs a command in the service's container, as root."""
        return self.call("inside", service, *command, check=check, within=within)

    def container(self, service):
        """The engine's id of the service's running container."""
        found = self.call("container", service).strip()
        if not found:
            raise ClusterError(f"{service} is not running")
        return found

    def address(self, service):
        """Its address in the cluster's network. It may change after kill and heal."""
        networks = json.loads(self.engine("inspect", self.container(service)))[0]["NetworkSettings"]["Networks"]
        return next(network["IPAddress"] for name, network in networks.items() if name.startswith(self.project))

    def services(self):
        """The services with a running container."""
        return sorted(self.engine("ps", "--filter", f"label=com.docker.compose.project={self.project}", "--format",
                                  '{{index .Labels "com.docker.compose.service"}}').split())

    def kill(self, service):
        """SIGKILL to the whole container, like a power failure."""
        self.engine("kill", "--signal", "KILL", self.container(service))

    def heal(self):
        """Starts killed containers again, and waits until three members run."""
        return self.make("heal")

    # -- who leads ----------------------------------------------------------------------------------------------------

    def members(self):
        """The output of patronictl list: Member, Host, Role, State, ..."""
        out = self.call("topology", "list", "-f", "json")
        return json.loads(out[out.index("["):])

    def leader(self):
        """The leader in Patroni's list, or None."""
        return next((member["Member"] for member in self.members() if member["Role"] == "Leader"), None)

    def switchover(self, candidate=None):
        """Returns when patronictl reports that it is done."""
        return self.call("topology", "switchover", "--force", *(("--candidate", candidate) if candidate else ()))

    def wait_leader(self, other_than=None, seconds=120):
        return self.until(f"a leader other than {other_than}", seconds,
                          lambda: (found := self.leader()) and found != other_than and found)

    def until(self, what, seconds, condition, every=0.5):
        """The first true value of condition(); a command that fails counts as not true yet."""
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                if found := condition():
                    return found
            except (ClusterError, OSError, ValueError) as problem:
                last = problem
            time.sleep(every)
        raise ClusterError(f"{what}: not within {seconds} s{f' ({last})' if last else ''}")

    # -- applications and lictor --------------------------------------------------------------------------------------

    def report(self, application, since, way="write"):
        """The application's report since then: writes, failed_seconds, longest_pause, in_recovery, read_only, addresses, last, ..."""
        return json.loads(self.inside(application, "application", "report", "--since", since, "--way", way, "--json"))

    def reconcile(self, application):
        """Row counts: acknowledged, present, lost, unacknowledged."""
        def compared():
            out = self.inside(application, "application", "reconcile", "--json", check=False)
            try:
                return json.loads(out.strip().splitlines()[-1])
            except (IndexError, ValueError):    # its connection was refused or has ended
                raise ClusterError(f"application reconcile printed {out.strip()[-300:]!r}") from None
        return self.until("the rows are compared", 30, compared)

    def wait_writing(self, application, since, to=None, seconds=120):
        """Waits until it has written after `since` (to the address `to`, if given) and goes on writing; returns its report."""
        def writing():
            report = self.report(application, since)
            good = report["writes"] and report["last"] < 3 and (to is None or report["addresses"][-1] == to)
            return good and report
        return self.until(f"{application} writes{f' to {to}' if to else ''}", seconds, writing)

    def lictor(self, application, document):
        """A document of its lictor's statistics endpoint: stats, leaders, services, ..."""
        with urllib.request.urlopen(f"http://{self.address(application)}:9153/{document}", timeout=3) as reply:
            return json.load(reply)
