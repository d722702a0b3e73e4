#!/usr/bin/env python3
"""Sends one event through the function, as `cargo lambda watch` runs it, and checks what becomes of it.

    tools/round-trip.py --usher target/debug/usher [option of cargo lambda watch ...]

Starts the emulator (`usher emulate`) and the function, whose calls go to it. The event onboards a person: the first
time what differs ends as `updated`, the second time and over the Function URL all is `unchanged`. Both processes end with
this script, however it ends. Needs Python 3.11 and cargo-lambda on the PATH.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
EVENT = ROOT / "events/person-onboarded.json"
# The function may have to be built first.
PATIENCE = 1800


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--usher", required=True, type=pathlib.Path, help="the command line's binary")
    options, watch_options = parser.parse_known_args()
    # Ends through `finally`, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))

    emulator_port, lambda_port = free_port(), free_port()
    environment = os.environ | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{emulator_port}",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "emulated",
        "AWS_SECRET_ACCESS_KEY": "emulated",
        "USHER_RULES": str(ROOT / "usher.yaml"),
    }
    # A table that does not exist here; without one the order holds within the process.
    environment.pop("USHER_LEDGER_TABLE", None)
    at = ["--invoke-address", "127.0.0.1", "--invoke-port", str(lambda_port)]
    emulate = [options.usher.resolve(), "emulate", "--port", str(emulator_port)]
    watch = ["cargo", "lambda", "watch", "--bin", "usher-lambda", "--ignore-changes", "--wait", *at, *watch_options]
    with running("usher emulate", emulate, os.environ, emulator_port), \
            running("cargo lambda watch", watch, environment, lambda_port):
        expect("the first invocation", invoke(at), {"updated", "unchanged"})
        expect("the second invocation", invoke(at), {"unchanged"})
        expect("the Function URL", post(f"http://127.0.0.1:{lambda_port}/lambda-url/usher-lambda/events"), {"unchanged"})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(name, command, environment, port):
    """The process and all that it started, until the block ends; its output is shown if the block fails."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )
        try:
            await_port(name, process, port)
            yield
        except BaseException:
            output.seek(0)
            print(f"--- output of {name} ---", output.read().decode(errors="replace"), sep="\n", file=sys.stderr)
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def await_port(name, process, port):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"{name} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    sys.exit(f"{name} does not listen on port {port}")


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
