#!/usr/bin/env python3
"""Runs the fuzz targets of fuzz/ with libFuzzer, on stable Rust.

    tools/fuzz.py [--seconds 45] [--jobs 2] [--seed N] [target ...]

The first time, each target begins with what the repository has: the events, the rules files, the tables of patterns, the expressions.
What it finds worth keeping stays in target/fuzz/corpus, and the next run goes on from there. An input that breaks something is left in
target/fuzz/found; `target/debug/fuzz-TARGET FILE` runs it again. The seed of what is tried is another each time unless it is given;
with the same seed and the same corpus much the same is tried.

Only this repository's own code is compiled with counters (fuzz/instrument); the SDK's crates are those of `cargo build`, where
that has been before. Needs a C++ compiler, for libFuzzer. `cargo fuzz run fuzz-TARGET` works too and takes minutes longer to build.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
PLACE = TARGET / "fuzz"
# The longest input in bytes, and where the words are that an input is made of.
TARGETS = {
    "ingress": (8192, ["src/ingress"]),
    "patterns": (2048, ["src/pattern"]),
    "rules": (8192, ["src/rules", "src/pattern", "src/document"]),
    "expressions": (1024, ["src/expression"]),
}
# Longer than any input may take, on a machine that does something else too.
TIMEOUT = 20
MEMORY_MB = 2048


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=45, help="for each target")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at a time")
    parser.add_argument("--seed", type=int, default=0, help="from 1; 0, the default, is another each time")
    options = parser.parse_args()
    names = options.targets or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    began = time.monotonic()
    build(names)
    print(f"built in {time.monotonic() - began:.0f} s", flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda name: run(name, options.seconds, options.seed), names))
    if not all(results):
        sys.exit(1)


def build(names):
    environment = os.environ | {"RUSTC_WORKSPACE_WRAPPER": str(ROOT / "fuzz/instrument")}
    bins = [argument for name in names for argument in ("--bin", f"fuzz-{name}")]
    subprocess.run(["cargo", "build", "--locked", "-p", "usher-fuzz", *bins], cwd=ROOT, env=environment, check=True)


def run(name, seconds, seed):
    longest, words = TARGETS[name]
    corpus, found = PLACE / "corpus" / name, PLACE / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    seeds = SEEDS[name]()
    for text in seeds:
        if len(text) <= longest:
            (corpus / hashlib.sha256(text).hexdigest()[:16]).write_bytes(text)
    dictionary = PLACE / f"{name}.dict"
    dictionary.write_text("".join(f'"{word}"\n' for word in sorted(vocabulary(words))))
    log = PLACE / f"{name}.log"
    command = [
        TARGET / "debug" / f"fuzz-{name}", corpus, f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={longest}",
        f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEMORY_MB}", f"-dict={dictionary}",
        f"-artifact_prefix={found}/{name}-", "-print_final_stats=1",
    ]
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    said = log.read_text(errors="replace")
    if done.returncode != 0:
        # The end has the input and where it was left.
        print(f"{name}: broken, exit code {done.returncode}; all of it is in {log}", said[-4000:], sep="\n", flush=True)
        return False
    executed = re.findall(r"number_of_executed_units: (\d+)", said)
    covered = re.findall(r"cov: (\d+) .* corp: (\d+)", said)
    if not executed or not covered or int(covered[-1][0]) < 500:
        print(f"{name}: it counts nothing, so it was not instrumented; see {log}", flush=True)
        return False
    print(f"{name}: {executed[-1]} inputs from {len(seeds)} seeds, {covered[-1][0]} edges, "
          f"{covered[-1][1]} inputs kept, nothing broken", flush=True)
    return True


def texts(*patterns):
    paths = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    assert paths, patterns
    return [path.read_text(errors="replace") for path in paths]


def encoded(seeds):
    return [seed.encode() for seed in seeds]


def ingress():
    whole = texts("events/*.json", "tests/cmd/given/*.json")
    # Compact, too: mutations then hit what counts more often.
    compact = []
    for text in whole:
        try:
            compact.append(json.dumps(json.loads(text), separators=(",", ":")))
        except ValueError:
            continue
    return encoded(whole + compact)


def patterns():
    rows = [line.split(" | ") for text in texts("tests/pattern/verdicts.txt") for line in text.splitlines()]
    cases = [(row[-2], row[-1]) for row in rows if len(row) == 4]
    assert cases
    alone = [f"{pattern}\n{event}" for pattern, event in cases]
    together = [
        "\n".join([*(pattern for pattern, _ in cases[at:at + 4]), cases[at][1]]) for at in range(0, len(cases), 2)
    ]
    rows = [line.split(" | ") for text in texts("tests/pattern/refusals.txt") for line in text.splitlines()]
    refused = [f"{row[-1]}\n{{}}" for row in rows if len(row) == 3]
    return encoded(alone + together + refused)


def rules():
    files = texts("*.yaml", "tests/rules/*.yaml", "tests/rules/*.json", "tests/cmd/given/*.yaml", "tests/*/rules.yaml")
    blocks = [block for text in texts("*.md", "docs/*.md") for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]
    return encoded(text for text in files + blocks if "template" not in text[:200].lower())


def expressions():
    sources = texts("*.yaml", "*.md", "docs/*.md", "tests/rules/*.yaml", "tests/**/*.rs", "tools/**/*.yaml")
    written = {found for text in sources for found in re.findall(r"\{%(.*?)%\}", text, re.S) if len(found) < 500}
    literal = r'r#"(.*?)"#|"((?:[^"\\\n]|\\.)*)"'
    for text in texts("tests/expression.rs"):
        written |= {raw or plain.replace('\\"', '"') for raw, plain in re.findall(literal, text)}
    return encoded(sorted(written))


SEEDS = {"ingress": ingress, "patterns": patterns, "rules": rules, "expressions": expressions}


def vocabulary(folders):
    found = set()
    for text in texts(*(f"{folder}/**/*.rs" for folder in folders)):
        found |= set(re.findall(r'"([A-Za-z$][A-Za-z0-9_:/$-]{1,30})"', text))
    return found


if __name__ == "__main__":
    main()
