"""Checks made by compilers, linkers, clang-format and clang-tidy.

The sources of a folder are compiled as one file, so that the compiler reads the standard library's headers a fourth as often. Sources
that define the same file-local name go into separate files. The objects are fat: they can be linked with and without -flto.
"""

import collections
import functools
import pathlib
import json
import re
import shlex
import shutil

from tree import BUILD, FOLDERS, ROOT, at_once, check, folder_of, includes, note, product, ran, shown, tracked

HERE = BUILD / "guard"
HERE.mkdir(parents=True, exist_ok=True)
LAUNCHER = ["ccache"] if shutil.which("ccache") else []
LIBRARIES = re.findall(r"IMPORTED_TARGET (\S+)\)", (ROOT / "CMakeLists.txt").read_text())


@functools.cache
def flags():
    """The -std, -I, -isystem and -D options of a file of the shell library, whose sources may include the headers of all libraries; and the -D
    options of main.cpp."""
    commands = {one["file"]: shlex.split(one["command"]) for one in json.loads((BUILD / "compile_commands.json").read_text())}
    kept = [word for word in commands[str(ROOT / "resolver/main.cpp")] if word.startswith("-DLICTOR_COMMIT")]
    words = iter(commands[str(ROOT / "conf/log/log.cpp")])
    for word in words:
        if word == "-isystem":
            kept += [word, next(words)]
        elif word.startswith(("-std=", "-I")) or (word.startswith("-D") and "FORTIFY" not in word):
            kept.append(word)
    return kept


def written(name, lines):
    path = HERE / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def defines(path):
    """Names defined at file or namespace scope, found line by line: such a definition begins in the first column."""
    text = path.read_text()
    return set(re.findall(r"^(?![#/}\s]|namespace|using namespace)[^(={;\n]*?(?<!::)\b(\w+)(?:\(|\[.*?\] =|\{| [={])", text, re.M)
               + re.findall(r", (\w+) = ", " ".join(re.findall(r"^constexpr .*", text, re.M))))


@functools.cache
def units():
    """Writes and returns the files to compile. Each includes sources of one folder, no two of which define the same name."""
    made = []
    for folder in FOLDERS:
        parts = []
        for path in product(".cpp"):
            if folder_of(path) == folder:
                names = defines(path)
                part = next((part for part in parts if not part[0] & names), None)
                if not part:
                    parts.append(part := (set(), []))
                part[0].update(names)
                part[1].append(f'#include "{shown(path)}"')
        made += [written(f"{folder.replace('/', '-')}-{n}.cpp", lines) for n, (_, lines) in enumerate(parts)]
    return made


def errors(out, root=str(ROOT) + "/"):
    lines = [line for line in (out.stdout + out.stderr).splitlines() if re.search(r"\berror\b|warning: |undefined reference", line)]
    return [line.replace(root, "").removeprefix("./") for line in lines] or [f"{shlex.join(map(str, out.args[:3]))} … ended with {out.returncode}"] \
        if out.returncode else []


def compiled(path, *options):
    return errors(ran(*LAUNCHER, "g++", *flags(), "-O0", *options, "-c", path, "-o", path.with_suffix(".o")))


def all_of(lists):
    return [line for lines in lists for line in lines]


# ---------------------------------------------------------------------------------------------------------------- headers

@check("headers: each compiles alone")
def _():
    # The build has compiled a header alone if the source of the same name includes it first.
    def is_first(header):
        source = header.with_suffix(".cpp")
        return source.exists() and next((inner for _, _, inner in includes(source)), None) == header \
            and re.search(r"^#include (.*)", source.read_text(), re.M)[1] == f'"{shown(header)}"'
    headers = product(".hpp")
    rest = [header for header in headers if not is_first(header)]
    note(f"{len(headers)} headers; {len(headers) - len(rest)} are first in their own source, {len(rest)} are compiled here")
    return all_of(at_once(lambda header: compiled(written("alone-" + shown(header).replace("/", "-") + ".cpp", [f'#include "{shown(header)}"'])),
                          rest))


@check("headers: all compile together, in their order, and in reverse order after <bits/stdc++.h>")
def _():
    lines = [f'#include "{shown(header)}"' for header in product(".hpp")]
    return all_of(at_once(compiled, [written("together.cpp", lines),
                                     written("together-backwards.cpp", ["#include <bits/stdc++.h>", *reversed(lines)])]))


# ---------------------------------------------------------------------------------------------------------------- the whole program

def objects():
    return [unit.with_suffix(".o") for unit in units()]


def libraries():
    return ["-pthread", *ran("pkg-config", "--libs", *LIBRARIES).stdout.split()]


@check("the sources of a folder compile as one file")
def _():
    note(f"{len(product('.cpp'))} sources in {len(units())} files")
    return all_of(at_once(lambda unit: compiled(unit, "-flto", "-ffat-lto-objects", "-ffunction-sections", "-fkeep-inline-functions"), units()))


@check("the one-definition rule: the whole program links with -flto -Werror=odr -Werror=lto-type-mismatch")
def _():
    # A relocatable LTO link merges all types and declarations and checks the rule there. It generates no code.
    return errors(ran("g++", "-O0", "-flto=auto", "-r", "-flinker-output=rel", "-nostdlib", "-Werror=odr", "-Werror=lto-type-mismatch",
                      *objects(), "-o", HERE / "merged.o"))


# Functions that main does not reach, and why they are kept.
UNREACHED = {
    "catalog::Instances::front": "a member of every sequence, as begin and size; unit tests use it",
    "catalog::Instances::shared": "unit tests see with it that Catalogs share unchanged instances",
    "doctor::check_words": "a unit test provokes every check of this list",
    "metrics::Durations::count": "the number of durations; unit tests compare it with the queries sent",
    "clients::ResponseRate::bytes": "the size of the table; a unit test sees that it is made at the first use, and does not grow",
    "clients::Shares::clients": "a unit test sees that clients without queries are forgotten",
    "conf::render_sample": "a unit test writes conf/lictor.conf with it",
    "conf::render_reference": "a unit test writes conf/README.md with it",
    "manual::render_completions": "a unit test writes resolver/manual/completions with it",
    "manual::render_pages": "a unit test writes resolver/manual/pages with it",
    "manual::roff_text": "a unit test writes resolver/manual/pages with it",
    "conf::render_schema": "a unit test writes conf/stats.schema.json with it",
    "log::debug": "the function for log-debug lines",
    "wire::MessageBuffer::end": "std::span requires the member and does not call it",
}


@check("no dead code: main reaches every function")
def _():
    program = HERE / "reached"
    bad = errors(ran("g++", "-O0", "-fno-lto", "-Wl,--gc-sections", *objects(), "-o", program, *libraries()))
    if bad:
        return bad

    def functions(*files):
        symbols = ran("nm", "--defined-only", "--format=posix", *files).stdout
        return {line.split()[0] for line in symbols.splitlines() if re.match(r"_ZNK?6lictor\S* [TW] ", line)}

    lost = set()
    for name in ran("c++filt", *(functions(*objects()) - functions(program))).stdout.splitlines():
        name = re.sub(r"\[abi:\w+\]|^lictor::", "", name)
        # Ignored: variables, constructors, destructors, operators, lambdas, unnamed namespaces and instances of templates.
        if "(" in name and not re.search(r"::~|operator|lambda|\(anonymous|<|\b(\w+)::\1\(", name.split("(")[0] + "("):
            lost.add(name.split("(")[0])
    return [f"{name}: main does not reach it; remove it, or add it to UNREACHED in {pathlib.Path(__file__).name}" for name in sorted(lost - UNREACHED.keys())] \
        + [f"{name} is reached or was removed: delete it from UNREACHED" for name in sorted(UNREACHED.keys() - lost)]


@check("clang-format: every C++ file is formatted as .clang-format requires")
def _():
    files = tracked("*.cpp", "*.hpp")
    parts = [files[n::8] for n in range(8)]
    bad = collections.Counter(re.match(r"(.*?):\d+:\d+: error", line)[1]
                              for out in at_once(lambda part: ran("clang-format-14", "--dry-run", "-Werror", *map(shown, part)), parts)
                              for line in out.stderr.splitlines() if ": error" in line)
    return [f"{name}: {count} places; clang-format-14 -i {name}" for name, count in sorted(bad.items())]


@check("clang-tidy: no finding of the checks in .clang-tidy")
def _():
    def tidied(unit):
        return errors(ran("clang-tidy-14", "--quiet", "--warnings-as-errors=*", "--header-filter=.*", unit, "--", *flags()))
    return sorted(set(all_of(at_once(tidied, units()))))
