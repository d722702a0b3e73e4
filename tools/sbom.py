#!/usr/bin/env python3
"""Writes what the function and the command line are made of, as CycloneDX (JSON), and checks that nothing is missing.

    tools/sbom.py --target x86_64-unknown-linux-gnu --into target/ci

Makes usher-lambda.cdx.json and usher.cdx.json there. Every crate that cargo links into them must be in them with its version, its licence,
its checksum and its purl. Needs cargo-cyclonedx on the PATH.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARIES = ("usher-lambda", "usher")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", required=True, help="the platform, as rustc names it")
    parser.add_argument("--into", required=True, type=pathlib.Path)
    options = parser.parse_args()
    linked = crates(options.target)
    # It writes beside each Cargo.toml of the workspace, and nowhere else.
    before = set(ROOT.rglob("*.cdx.json"))
    try:
        subprocess.run(
            ["cargo", "cyclonedx", "-qq", "--format", "json", "--spec-version", "1.5", "--describe", "binaries",
             "--no-build-deps", "--target", options.target],
            cwd=ROOT, check=True,
        )
        for name in BINARIES:
            bill = json.loads((ROOT / f"{name}_bin.cdx.json").read_text())
            complain(name, problems(bill, name, linked))
            (options.into / f"{name}.cdx.json").write_text(json.dumps(bill, indent=1) + "\n")
            print(f"{options.into / name}.cdx.json: {len(bill['components'])} components")
    finally:
        for path in set(ROOT.glob("*.cdx.json")) | set(ROOT.glob("fuzz/*.cdx.json")):
            if path not in before:
                path.unlink()


def crates(target):
    """Name and version of each crate that is linked, without procedural macros and whatever else only builds."""
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "-p", "usher", "--target", target, "--edges", "normal,no-proc-macro",
         "--prefix", "none", "--format", "{p}"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    found = {tuple(re.match(r"(\S+) v(\S+)", line).groups()) for line in tree.splitlines() if line}
    return {(name, version) for name, version in found if name != "usher"}


def problems(bill, name, linked):
    if bill["bomFormat"] != "CycloneDX" or bill["specVersion"] != "1.5":
        yield "it is no CycloneDX 1.5"
    if bill["metadata"]["component"]["name"] != name:
        yield f"it is about {bill['metadata']['component']['name']}"
    listed = {(component["name"], component["version"]): component for component in bill["components"]}
    for crate in sorted(linked - set(listed)):
        yield f"{' '.join(crate)} is linked and not listed"
    for (crate, version), component in sorted(listed.items()):
        if component.get("purl") != f"pkg:cargo/{crate}@{version}":
            yield f"{crate} {version} has the purl {component.get('purl')}"
        if not component.get("licenses"):
            yield f"{crate} {version} has no licence"
        if not any(found["alg"] == "SHA-256" for found in component.get("hashes", [])):
            yield f"{crate} {version} has no checksum"


def complain(name, found):
    if found := list(found):
        sys.exit(f"{name}: the bill of materials is not right:\n" + "\n".join(found))


if __name__ == "__main__":
    main()
