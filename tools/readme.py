#!/usr/bin/env python3
"""Does what the README's section "As a Lambda function on your machine" says, word for word, in three terminals.

    tools/readme.py

The first two blocks of commands serve until the end; those of the third are run one by one and must succeed. Needs `usher`, cargo-lambda
and `pip` on the PATH, and the ports 4599 and 9000.
"""

import contextlib
import json
import re
import signal
import subprocess
import sys

from local import ROOT, running

HEADING = "## As a Lambda function on your machine\n"
PORTS = (4599, 9000)
# `cargo lambda watch` may have to build the function first.
PATIENCE = 1800


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    section = (ROOT / "README.md").read_text().split(HEADING)[1].split("\n## ")[0]
    *servers, asked = re.findall(r"```sh\n(.*?)```", section, re.S)
    if len(servers) != len(PORTS):
        sys.exit(f"there should be {len(PORTS)} terminals and one more, not {len(servers)} and one more")
    with contextlib.ExitStack() as terminals:
        for block, port in zip(servers, PORTS):
            terminals.enter_context(running(block.splitlines()[-1], ["bash", "-euc", block], None, port))
        for command in asked.splitlines():
            print(f"$ {command}\n{look(command)}", flush=True)


def look(command):
    """What the command says, in short."""
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
    answer = json.loads(done.stdout)
    if isinstance(answer, list):
        if not answer:
            sys.exit(f"{command}: nothing came to the stand-in")
        return f"{len(answer)} requests"
    outcomes = sorted({change["outcome"] for change in answer["changes"]})
    if answer["disposition"] != "done" or not outcomes:
        sys.exit(f"{command}: {done.stdout}")
    return f"{len(answer['changes'])} changes: {', '.join(outcomes)}"


if __name__ == "__main__":
    main()
