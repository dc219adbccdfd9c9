#!/usr/bin/env python3
"""Prints the licence texts of all crates that are linked into the program, each text once.

usage: licences.py > FILE

Crates and versions are those of Cargo.lock for this machine's platform. The output is the same for the same Cargo.lock.
"""
import json
import pathlib
import re
import subprocess
import sys

NAMES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def metadata():
    host = re.search(r"^host: (.*)$", subprocess.check_output(["rustc", "-vV"], text=True), re.MULTILINE).group(1)
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host,
               "--manifest-path", str(pathlib.Path(__file__).parent.parent / "engine/cli/Cargo.toml")]
    return json.loads(subprocess.check_output(command))


def linked(data):
    """Returns the ids of all packages that the program links; those that only a build or a test uses are left out."""
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    found, waiting = set(), [data["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package not in found:
            found.add(package)
            waiting += [dependency["pkg"] for dependency in nodes[package]["deps"]
                        if any(kind["kind"] is None for kind in dependency["dep_kinds"])]
    return found


def texts(package):
    """Returns the licence files in the folder of a crate."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(file for file in folder.iterdir() if file.is_file() and NAMES.match(file.name))
    return [file.read_text(errors="replace").strip() for file in files]


def main():
    data = metadata()
    ids = linked(data)
    users = {}
    print("Crates that are linked into Atom, with the licences that they state:\n")
    for package in sorted((p for p in data["packages"] if p["id"] in ids and p["source"]), key=lambda p: (p["name"], p["version"])):
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license'] or 'see its licence file'}")
        for text in texts(package):
            users.setdefault(text, []).append(name)
    for text, names in sorted(users.items(), key=lambda item: item[1]):
        print(f"\n{'-' * 100}\n{', '.join(names)}\n\n{text}")


if __name__ == "__main__":
    sys.exit(main())
