"""The resolvers of real applications: small programs in tests/e2e that print what getaddrinfo (glibc, musl), Node, Go and Java return."""

import os
import shutil
import subprocess

from .runner import Skip

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "e2e")


def tool(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed; tests/run installs it")
    return path


def compiled(ctx, compiler, *flags):
    """getaddrinfo.c, compiled with the given compiler."""
    program = ctx.path(f"getaddrinfo-{os.path.basename(compiler)}")
    subprocess.run([tool(compiler), "-O1", "-Wall", *flags, os.path.join(HERE, "getaddrinfo.c"), "-o", program], check=True)
    return program


def go_program(ctx):
    """resolve.go, which uses the resolver of Go's net package."""
    program = ctx.path("resolve-go")
    subprocess.run([tool("gccgo-12"), "-O1", os.path.join(HERE, "resolve.go"), "-o", program], check=True)
    return program


def java_program(ctx):
    """The command that runs Resolve.java, which uses InetAddress."""
    folder = ctx.path("java")
    subprocess.run([tool("javac"), "-d", folder, os.path.join(HERE, "Resolve.java")], check=True)
    return [tool("java"), "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", folder, "Resolve"]


def all_clients(ctx):
    """{client: function of a list of names that returns {name: addresses or the error}}."""
    glibc, musl, go = compiled(ctx, "gcc"), compiled(ctx, "musl-gcc", "-static"), go_program(ctx)
    node, script, java = tool("node"), os.path.join(HERE, "resolve.js"), java_program(ctx)

    def run(command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.stdout, done.stderr

    def result(words):
        return " ".join(sorted(words[1:])) if words[0] == "ok" else " ".join(words)

    def each(command):
        def resolve(names):
            found = {}
            for name in names:
                out, err = run(command(name))
                found[name] = result(out.split()[2:]) if out else err
            return found
        return resolve

    def all_at_once(names):
        out, err = run([*java, *names])
        lines = [line.split() for line in out.splitlines()]
        return {name: result(words) for name, words in zip(names, lines)} if len(lines) == len(names) else dict.fromkeys(names, out + err)

    return {"glibc": each(lambda name: [glibc, name, "unspec", "0"]), "musl": each(lambda name: [musl, name, "unspec", "0"]),
            "Node dns.lookup": each(lambda name: [node, script, "lookup", name, "0"]),
            "Node dns.resolve4": each(lambda name: [node, script, "resolve4", name, "0"]), "Go": each(lambda name: [go, name, "0"]),
            "Java": all_at_once}
