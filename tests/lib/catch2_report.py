#!/usr/bin/python3
"""Runs a Catch2 program and prints its outcome: one line for the program, and each failed test with its source line.

    catch2_report.py --label "unit [release]" --results FILE [--verbose] PROGRAM [ARGUMENTS…]

Appends a line for each test case to FILE: outcome, name, seconds, reason. A program that aborts counts as a failed test, too.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree


def first_failure(case):
    for expression in case.iter("Expression"):
        if expression.get("success") == "false":
            original = " ".join((expression.findtext("Original") or "").split())
            expanded = " ".join((expression.findtext("Expanded") or "").split())
            exception = " ".join((expression.findtext("Exception") or "").split())
            words = f"{expression.get('type')}( {original} ) with {expanded}" + (f", threw {exception}" if exception else "")
            return f"{expression.get('filename')}:{expression.get('line')}: {words}"[:600]
    for kind in ("Failure", "Exception", "FatalErrorCondition"):
        for node in case.iter(kind):
            return f"{node.get('filename')}:{node.get('line')}: {' '.join((node.text or kind).split())}"[:600]
    return "failed without a source line"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--label", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()

    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        begin = time.monotonic()
        done = subprocess.run(options.command + ["-r", "xml", "-d", "yes", "-o", report.name],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        seconds = time.monotonic() - begin
        try:
            cases = list(xml.etree.ElementTree.parse(report.name).getroot().iter("TestCase"))
            whole = True
        except xml.etree.ElementTree.ParseError:
            cases, whole = [], False

    rows = []
    for case in cases:
        result = case.find("OverallResult")
        good = result is not None and result.get("success") == "true"
        took = float(result.get("durationInSeconds") or 0) if result is not None else 0.0
        rows.append(("ok" if good else "FAILED", case.get("name"), took, "" if good else first_failure(case)))
    failed = [row for row in rows if row[0] == "FAILED"]
    if not whole or (done.returncode and not failed):
        why = f"{os.path.basename(options.command[0])} ended with {done.returncode}" + ("" if whole else " before its report was complete")
        rows.append(("FAILED", "(the program itself)", seconds, why))
        failed.append(rows[-1])
        print("\n".join("    | " + line for line in done.stdout.splitlines()[-60:]))
    if not rows:
        rows.append(("FAILED", "(the program itself)", seconds, "it contains no test"))
        failed.append(rows[-1])

    print(f"{'FAILED' if failed else 'ok':<7} {seconds:7.1f} s  {options.label}: {len(rows)} tests, {len(failed)} failed")
    for outcome, name, took, reason in rows:
        if options.verbose or outcome == "FAILED" or took >= 1.0:
            print(f"    {outcome:<7} {took:6.2f} s  {name}")
        if reason:
            print(f"      ! {reason}")
    with open(options.results, "a") as out:
        for outcome, name, took, reason in rows:
            out.write("\t".join((outcome, f"{options.label}: {name}", f"{took:.2f}", reason)) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
