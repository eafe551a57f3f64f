"""Are the files of container/examples right by themselves? No container is started."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from pages import EXAMPLES, LICTOR, ROOT, Failed, Skip, check, command, expect, note, sections


def files_of(*patterns):
    return sorted(path for pattern in patterns for path in EXAMPLES.rglob(pattern))


def shown(path):
    return str(path.relative_to(ROOT))


def complain(bad):
    expect(not bad, "; ".join(bad))


def yaml_of(path):
    try:
        import yaml
    except ImportError:
        raise Skip("python3-yaml is not installed") from None
    try:
        return list(yaml.safe_load_all(path.read_text()))
    except yaml.YAMLError as problem:
        raise Failed(f"{shown(path)}: {problem}") from None


@check("files: every page says how to put it in, how to see that it works and how to go back; its links exist, and it names its files")
def _():
    bad = []
    pages = files_of("README.md")
    expect(len(pages) >= 12, f"{len(pages)} pages")
    for page in pages:
        text = page.read_text()
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            if not link.startswith("http") and not (page.parent / link).resolve().exists():
                bad.append(f"{shown(page)}: no {link}")
        if page.parent == EXAMPLES:
            bad += [f"{shown(page)} does not name {one.parent.name}" for one in pages if one != page and f"{one.parent.name}/README.md" not in text]
            continue
        if page.parent.name not in ("clients", "rollout"):
            headings = re.findall(r"^## (.*)", text, re.M)
            bad += [f"{shown(page)}: no heading '{wanted}'" for wanted in ("Put it in", "See that it works", "Go back")
                    if not any(heading.startswith(wanted) for heading in headings)]
        bad += [f"{shown(page)} does not name {file.name}" for file in page.parent.iterdir() if file.is_file() and file != page and file.name not in text]
    complain(bad)


@check("files: shell, YAML, HCL, JavaScript and unit files can be read")
def _():
    bad = []
    for path in (EXAMPLES / "resolvconf/update", EXAMPLES / "ifupdown/dhclient-hook"):
        command("sh", "-n", path)
    for page in files_of("README.md"):
        for heading, language, text in sections(page):
            if language == "sh" and subprocess.run(["bash", "-n"], input=text, text=True, stderr=subprocess.DEVNULL).returncode:
                bad.append(f"{shown(page)}: the block below '{heading}' is no shell text")
    for path in files_of("*.yml"):
        documents = yaml_of(path)
        for row in documents[0].get("write_files", []) if path.name == "user-data.yml" else []:
            if row["content"].startswith("#!"):
                command("sh", "-n", "-c", row["content"])
    for path in files_of("*.hcl"):
        bad += [f"{shown(path)}: {problem}" for problem in hcl_problems(path.read_text())]
    for path in files_of("resolved.conf", "NetworkManager.conf", "lictor-resolvconf.conf"):
        section = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            section = line if re.fullmatch(r"\[\w+\]", line) else section
            if line and line[0] not in "#[" and not (section and re.match(r"\w[\w-]*=", line)):
                bad.append(f"{shown(path)}:{number}: {line}")
    if shutil.which("node"):
        command("node", "--check", EXAMPLES / "clients/pool.js")
    complain(bad)


def hcl_problems(text):
    """Faults of the form of a file in HCL: brackets, strings, and lines that are neither a block, an attribute nor a bracket."""
    bad, depth, here = [], 0, None
    for number, line in enumerate(text.splitlines(), 1):
        if here:
            here = None if line.strip() == here else here
            continue
        line = re.sub(r"^\s*(#|//).*", "", line).strip()
        if not line:
            continue
        if not re.fullmatch(r'\w+( "[^"]*")* \{|\}|\w+ *= *("[^"]*"|\d+|true|false|\[.*\]|<<-?\w+)', line):
            bad.append(f"line {number}: {line}")
        depth += line.count("{") - line.count("}") if not line.startswith(("image", "args")) else 0
        found = re.search(r"<<-?(\w+)$", line)
        here = found[1] if found else None
    return bad + (["brackets do not match"] if depth else []) + (["a text does not end"] if here else [])


@check("files: lictor accepts every configuration in them")
def _():
    expect(LICTOR.exists(), f"{LICTOR} is not built")
    texts = {shown(path): path.read_text() for path in files_of("lictor.conf", "shadow.conf")}
    texts["nomad"] = re.search(r"<<EOF\n(.*?)EOF", (EXAMPLES / "nomad/lictor.nomad.hcl").read_text(), re.S)[1].replace(
        '{{ env "attr.unique.network.ip-address" }}', "192.0.2.1")
    texts["kubernetes"] = yaml_of(EXAMPLES / "kubernetes/pod.yml")[0]["data"]["lictor.conf"]
    texts["cloud-init"] = yaml_of(EXAMPLES / "cloud-init/user-data.yml")[0]["write_files"][0]["content"]
    for page in files_of("README.md"):
        texts.update({f"{shown(page)}, {heading}": text for heading, language, text in sections(page) if language == "conf"})
    bad = []
    for name, text in texts.items():
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            # also the lines that are prepared as comments
            file.write(re.sub(r"^#(?=[\w-]+=)", "", text, flags=re.M))
            file.flush()
            done = subprocess.run([LICTOR, "--test", f"--conf-file={file.name}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
            if done.returncode:
                bad.append(f"{name}: {done.stdout}")
    complain(bad)


@check("files: the metrics of the page about rolling out exist")
def _():
    known = set(re.findall(r"`((?:lictor|process)_\w+)`", (ROOT / "conf/README.md").read_text()))
    named = set(re.findall(r"\b(?:lictor|process)_\w+", (EXAMPLES / "rollout/README.md").read_text()))
    expect(len(named) >= 10, f"{named}")
    complain([f"{name} is no metric" for name in sorted(named - known)])


@check("files: libpq, the JVM, PgBouncer and HAProxy accept the clients' files")
def _():
    folder, ran = EXAMPLES / "clients", []
    if shutil.which("psql"):
        # Nobody listens there; an option that libpq does not know is another error.
        out = subprocess.run(["psql", "service=pglab hostaddr=127.0.0.1 port=1", "-c", "select 1"], env={**os.environ, "PGSERVICEFILE": str(folder / "pg_service.conf")},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30).stdout
        expect("Connection refused" in out, f"psql: {out}")
        ran.append("libpq")
    if shutil.which("java"):
        with tempfile.TemporaryDirectory() as place:
            source = pathlib.Path(place, "Show.java")
            source.write_text("class Show { public static void main(String[] a) { for (String p : a) System.out.println(java.security.Security.getProperty(p)); } }")
            out = command("java", f"-Djava.security.properties={folder}/java.security", source, "networkaddress.cache.ttl", "networkaddress.cache.negative.ttl")
        expect(out.split() == ["0", "0"], f"java: {out}")
        ran.append("the JVM")
    if shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin") and os.geteuid() == 0:
        with tempfile.TemporaryDirectory() as place:
            os.chmod(place, 0o777)
            pathlib.Path(place, "userlist.txt").write_text('"a" "b"\n')
            text = (folder / "pgbouncer.ini").read_text().replace("/etc/pgbouncer/userlist.txt", f"{place}/userlist.txt")
            pathlib.Path(place, "pgbouncer.ini").write_text(text.replace("= 6432", "= 0") + f"unix_socket_dir = {place}\n")
            process = subprocess.Popen(["pgbouncer", "-u", "nobody", f"{place}/pgbouncer.ini"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                lines = []
                for line in process.stdout:
                    lines.append(line)
                    if "process up" in line:
                        break
            finally:
                process.kill()
                process.wait()
            expect("process up" in lines[-1] and not any("WARNING" in line or "ERROR" in line for line in lines), "pgbouncer: " + "".join(lines))
        ran.append("PgBouncer")
    haproxy = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
    if haproxy:
        out = subprocess.run([haproxy, "-c", "-f", ROOT / "container/images/haproxy/haproxy-lictor.cfg"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        expect(out.returncode == 0, f"haproxy: {out.stdout}")
        ran.append("HAProxy")
    if not ran:
        raise Skip("none of them is installed")
    note("read by " + ", ".join(ran))
