"""Applications in containers: Docker's files and Kubernetes' pod, run by podman."""

import json
import os
import pathlib
import re
import shutil
import tempfile

from machines import CORP, LEADER_ADDRESS, NETWORK, SUBNET, Agent, Container, Foreign, container_answers, image, lictor_image, podman, with_compose
from pages import EXAMPLES, Skip, blocks, command, expect, test


@test("Docker: the image with the entrypoint")
def _():
    agent, full = Agent(), lictor_image()
    Foreign("lictor-examples-application")
    build, run = blocks("docker", "Put it in: in the image")[0].splitlines()
    build = build.replace("docker build", f"podman build --format docker --build-arg LICTOR_IMAGE={full} --build-arg BASE_IMAGE={image('node')}").replace(
        "-t application", "-t localhost/lictor-examples/application")
    command("bash", "-e", "-c", build, cwd=EXAMPLES / "docker")
    run = run.replace("docker run", f"podman run --systemd=false --network {NETWORK} --dns {CORP}").replace("--name application", "--name lictor-examples-application")
    run = run.replace("192.0.2.10", agent.address)
    command("bash", "-e", "-c", re.sub(r" application$", " localhost/lictor-examples/application", run))
    container_answers("lictor-examples-application", agent)
    for text in blocks("docker", "See that it works"):
        shown = command("bash", "-c", text.replace("docker exec application", "podman exec lictor-examples-application"))
        expect(agent.address in shown and "127.0.0.1 only" in shown, shown)


@test("Docker: compose, with lictor beside an unchanged image")
def _():
    if not shutil.which("docker-compose"):
        raise Skip("docker-compose is not installed")
    agent = Agent()
    project, files = "lictor-examples-compose", f"-f {EXAMPLES}/docker/compose.yml"
    settings_of = {"CONSUL": agent.address, "LICTOR_IMAGE": lictor_image(), "APPLICATION_IMAGE": image("node"), "UPSTREAM": CORP}
    try:
        with_compose(f"docker-compose -p {project} {files} up -d", **settings_of)
        container = podman("ps", "-q", "--filter", f"label=com.docker.compose.project={project}", "--filter",
                           "label=com.docker.compose.service=application").strip()
        expect(podman("exec", container, "cat", "/etc/resolv.conf").count("nameserver") == 1, "resolv.conf of the application")
        container_answers(container, agent)
    finally:
        # podman removes no container whose network another one uses; this compose does not order them.
        with_compose(f"docker-compose -p {project} {files} rm -s -f lictor; docker-compose -p {project} {files} down --timeout 2", **settings_of)


@test("Docker: one lictor on the host for all containers, at the bridge's address")
def _():
    agent, full = Agent(), lictor_image()
    gateway = f"{SUBNET}.1"
    Container("host", "--network", "host", "--dns=none", "--systemd=false", full, "/opt/lictor/bin/lictor", "--keep-in-foreground", "--listen-address=127.0.0.99",
              f"--listen-address={gateway}", "--no-resolv", f"--server={CORP}", f"--consul-http-addr={agent.url}", "--leader=pglab", "--stats-address=")
    asking = Container("asking", "--network", NETWORK, "--dns", gateway, "--systemd=false", image("node"), "sleep", "600")
    container_answers(asking.name, agent)


@test("Kubernetes: the pod under podman play kube: probes, rights, resolv.conf, answers")
def _():
    agent, full = Agent(), lictor_image()
    text = (EXAMPLES / "kubernetes/pod.yml").read_text()
    for old, new in (("10.96.0.10", CORP), ("image: localhost/lictor\n", f"image: {full}\n"),
                     ("image: debian:bookworm-slim", f"image: {image('node')}"), ("name: application\n  labels", "name: lictor-examples-pod\n  labels")):
        expect(text.count(old) == 1, f"{old!r} is in pod.yml {text.count(old)} times")
        text = text.replace(old, new)
    text = text.replace("consul-server.consul.svc.cluster.local", agent.address)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "pod.yml").write_text(text)
        # podman 4.3 ignores the pod's sysctls: it gets them from its own settings.
        setting = re.search(r"name: (net[\w.]+), value: \"(\d+)\"", text)
        former = os.environ["CONTAINERS_CONF"]
        os.environ["CONTAINERS_CONF"] = f"{folder}/containers.conf"
        pathlib.Path(folder, "containers.conf").write_text(
            pathlib.Path(former).read_text().replace("[containers]\n", f'[containers]\ndefault_sysctls = ["{setting[1]}={setting[2]}"]\n'))
        try:
            podman("play", "kube", "--network", NETWORK, f"{folder}/pod.yml")
            pod = "lictor-examples-pod"
            expect(re.findall(r"nameserver (\S+)", podman("exec", f"{pod}-application", "cat", "/etc/resolv.conf")) == ["127.0.0.1"], "resolv.conf")
            container_answers(f"{pod}-application", agent)
            status = podman("exec", f"{pod}-lictor", "cat", "/proc/1/status")
            expect(re.search(r"^Uid:\s+65534", status, re.M) and re.search(r"^CapEff:\s+0+$", status, re.M), status)
            for probe in re.findall(r'exec: \{ command: (\[.*?\]) \}', text):
                podman("exec", f"{pod}-lictor", *json.loads(probe))
            shown = "".join(command("bash", "-c", block.replace("kubectl exec application -c ", f"podman exec {pod}-").replace(" -- ", " "))
                            for block in blocks("kubernetes", "See that it works"))
            expect(agent.address in shown and LEADER_ADDRESS in shown, shown)
        finally:
            podman("play", "kube", "--down", f"{folder}/pod.yml", check=False)
            os.environ["CONTAINERS_CONF"] = former
