"""Builds the pack `mini` from its fetched parts and the committed vision/ and trained/ files, and checks the result.

usage: build.py --parts DIR --out DIR [--precision fp32] [--update-manifest]

Reads the files that pack.toml lists under [[parts]] from --parts, and writes those under [[files]] to --out: the same bytes
on every machine. --precision fp32 writes a float32 decoder instead (540 MB, half as fast, the reference for the checks).
--update-manifest writes the new sizes and digests into pack.toml; without it they are compared. Progress is printed to stderr.
"""
import argparse
import hashlib
import pathlib
import re
import tempfile
import time
import tomllib

import numpy as np

import check
import decoder
import text
import vision
from check import say

HERE = pathlib.Path(__file__).resolve().parent
COMMITTED = ["vision/lite3.onnx", "vision/ssd.onnx", "vision/labels.txt", "vision/objects.tsv", "trained/heads.npz", "trained/concepts.tsv",
             "trained/memory.safetensors", "trained/memory.txt", "trained/adapter.npz", "checks.json", "pack.toml"]


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require(manifest, parts):
    """Stops unless every input file exists and every part matches the manifest."""
    missing = [HERE / name for name in COMMITTED if not (HERE / name).is_file()]
    missing += [parts / part["path"] for part in manifest["parts"] if not (parts / part["path"]).is_file()]
    if missing:
        raise SystemExit("missing input files: " + ", ".join(map(str, missing)))
    for part in manifest["parts"]:
        found = digest(parts / part["path"])
        if found != part["sha256"]:
            raise SystemExit(f"{parts / part['path']} has sha256 {found}, expected {part['sha256']}")
        say(f"part {part['path']}: {part['size']} bytes, sha256 as expected")


def timed(what, function, *arguments):
    start = time.monotonic()
    function(*arguments)
    say(f"wrote {what} in {time.monotonic() - start:.1f} s")


def update(manifest, out):
    """Rewrites size and sha256 of each [[files]] table in pack.toml, and nothing else."""
    whole = (HERE / "pack.toml").read_text()
    for file in manifest["files"]:
        built = out / file["path"]
        table = re.compile(rf'(\[\[files\]\]\npath = "{re.escape(file["path"])}"\n)size = \d+\nsha256 = "\w*"')
        whole, count = table.subn(rf'\g<1>size = {built.stat().st_size}\nsha256 = "{digest(built)}"', whole)
        if count != 1:
            raise SystemExit(f"pack.toml has {count} [[files]] tables for {file['path']} with size and sha256 after path, expected 1")
    (HERE / "pack.toml").write_text(whole)
    say("wrote the new sizes and digests to pack.toml")


def compare(manifest, out, report):
    """Compares the digest of each built file with the manifest."""
    for file in manifest["files"]:
        found = digest(out / file["path"])
        report.expect(found == file["sha256"], f"sha256 of {file['path']}", file["sha256"][:16], found[:16])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--precision", choices=["int8", "fp32"], default="int8")
    parser.add_argument("--update-manifest", action="store_true")
    options = parser.parse_args()
    manifest = tomllib.loads((HERE / "pack.toml").read_text())
    require(manifest, options.parts)
    options.out.mkdir(parents=True, exist_ok=True)
    heads, adapter = (dict(np.load(HERE / "trained" / name)) for name in ["heads.npz", "adapter.npz"])
    timed("text.onnx, text_tokenizer.json", text.write, options.parts, options.out, heads["centre"], heads["text_map"])
    timed("vision.onnx, concepts.tsv, objects.tsv", vision.write, HERE, options.out)
    timed(f"decoder.onnx ({options.precision}), tokenizer.json", decoder.write, options.parts, adapter, options.out, options.precision)
    for name in ["memory.safetensors", "memory.txt"]:
        (options.out / name).write_bytes((HERE / "trained" / name).read_bytes())
    report = check.Report()
    check.run(HERE, options.out, report)
    with tempfile.TemporaryDirectory() as plain:
        decoder.write(options.parts, {}, pathlib.Path(plain), options.precision)
        check.check_adapter(options.out, pathlib.Path(plain), report)
    if options.update_manifest:
        update(manifest, options.out)
    elif options.precision == "int8":
        compare(manifest, options.out, report)
    if report.failed:
        raise SystemExit(f"{len(report.failed)} checks of the built files failed: {'; '.join(report.failed)}")
    say("all checks passed")


if __name__ == "__main__":
    main()
