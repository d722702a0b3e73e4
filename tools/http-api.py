#!/usr/bin/env python3
"""Holds src/openapi.json and the function together: schemathesis sends what the document allows and what it does not.

    tools/http-api.py --usher target/debug/usher --function target/debug/usher-lambda [--examples 100] [--seed N]

The function runs behind the APIs of `cargo lambda watch`, its calls go to `usher emulate`, and tools/http-api/usher.yaml has
every event concern somebody. All of schemathesis's checks are on, none of its answers may be a 5xx. It runs twice: events in the body,
and CloudEvents in binary mode, in which headers and body go together (see tools/http-api/hooks.py). Needs Python 3.11, cargo-lambda
and schemathesis on the PATH.
"""

import argparse
import collections
import json
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile

from local import NAME, ROOT, function

HERE = ROOT / "tools/http-api"
# What must have occurred in the two runs together, or they have shown little.
STATUSES = {200, 400, 403, 404, 405, 409, 413, 415, 422}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--usher", required=True, type=pathlib.Path, help="the command line's binary")
    parser.add_argument("--function", required=True, type=pathlib.Path, help="the function's binary")
    parser.add_argument("--examples", type=int, default=100, help="for each operation and run")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="the one that a failure has printed")
    options = parser.parse_args()
    seen = collections.Counter()
    with function(options.usher, HERE / "usher.yaml", binary=options.function, settle=0) as port:
        url = f"http://127.0.0.1:{port}/lambda-url/{NAME}"
        for mode, what in (("body", "events in the body"), ("binary", "CloudEvents in binary mode")):
            print(f"--- {what}, seed {options.seed}", flush=True)
            seen += run(url, mode, options)
    print("answers:", ", ".join(f"{count} of {status}" for status, count in sorted(seen.items())))
    if missing := STATUSES - set(seen):
        sys.exit(f"none of the answers was {sorted(missing)}")


def run(url, mode, options):
    """The number of answers of each status."""
    with tempfile.TemporaryDirectory() as place:
        events = pathlib.Path(place, "events.ndjson")
        command = [
            "schemathesis", "--config-file", HERE / "schemathesis.toml", "run", ROOT / "src/openapi.json",
            "--url", url, "--checks", "all", "--continue-on-failure",
            "--max-examples", str(options.examples), "--seed", str(options.seed), "--generation-database", "none",
            "--report-ndjson-path", events,
        ]
        environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "USHER_HTTP_MODE": mode}
        environment["PYTHONPATH"] = str(HERE)
        done = subprocess.run(command, cwd=place, env=environment)
        if done.returncode != 0:
            sys.exit(f"schemathesis ended with {done.returncode}; it repeats with --seed {options.seed}")
        return statuses(events.read_text().splitlines())


def statuses(lines):
    found = collections.Counter()

    def walk(value):
        if isinstance(value, dict):
            if isinstance(value.get("status_code"), int):
                found[value["status_code"]] += 1
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    for line in lines:
        walk(json.loads(line))
    return found


if __name__ == "__main__":
    main()
