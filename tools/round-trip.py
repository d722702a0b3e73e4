#!/usr/bin/env python3
"""Sends one event through the function, as `cargo lambda watch` runs it, and checks what becomes of it.

    tools/round-trip.py --usher target/debug/usher [option of cargo lambda watch ...]

Starts the emulator (`usher emulate`) and the function, whose calls go to it. The event onboards a person: the first
time what differs ends as `updated`, the second time and over the Function URL all is `unchanged`. Both processes end with
this script, however it ends. Needs Python 3.11 and cargo-lambda on the PATH.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

from local import ROOT, function

EVENT = ROOT / "events/person-onboarded.json"
# The function may have to be built first.
PATIENCE = 1800


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--usher", required=True, type=pathlib.Path, help="the command line's binary")
    options, watch_options = parser.parse_known_args()
    with function(options.usher, ROOT / "usher.yaml", watch_options) as port:
        at = ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
        expect("the first invocation", invoke(at), {"updated", "unchanged"})
        expect("the second invocation", invoke(at), {"unchanged"})
        expect("the Function URL", post(f"http://127.0.0.1:{port}/lambda-url/usher-lambda/events"), {"unchanged"})


def invoke(at):
    command = ["cargo", "lambda", "invoke", "usher-lambda", *at, "--data-file", EVENT, "--output-format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        sys.exit(f"cargo lambda invoke ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def post(url):
    request = urllib.request.Request(url, EVENT.read_bytes(), {"content-type": "application/json"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        sys.exit(f"POST /events answered {error.code}: {error.read().decode(errors='replace')}")


def expect(what, answer, allowed):
    report = json.loads(answer)
    outcomes = [(change["call"], change["outcome"]) for change in report["changes"]]
    # All that are allowed must occur: the first time something changes.
    if {found for _, found in outcomes} != allowed:
        sys.exit(f"{what}: the changes should end as {sorted(allowed)}:\n{json.dumps(report, indent=2)}")
    print(f"{what}: {len(outcomes)} changes, {' and '.join(sorted(allowed))}")


if __name__ == "__main__":
    main()
