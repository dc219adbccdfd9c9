"""Measures peer.py beside Atom: the same work, in interleaved rounds. Prints a table in Markdown.

    python compare.py ATOM PACK_FOLDER EXACT VIDEO...     (ATOM: the program)

EXACT is an RGB video in the frame size of the vision encoder. It needs no scaling and no conversion of colours, so both programs
see identical frames and must give identical results; otherwise this script fails. For other videos, GStreamer and swscale
produce frames that differ a little, which decides between captions of nearly equal score.
"""
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 3
HERE = Path(__file__).parent


def timed(command):
    """Returns the wall time of a program, and the JSON that it printed."""
    begun = time.monotonic()
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return time.monotonic() - begun, json.loads(done.stdout)


def peer(pack, videos, folder):
    wall, told = timed([sys.executable, HERE / "peer.py", pack, folder / "peer.db", *videos])
    captions = {(one["source"], one["start_ms"]): one["caption"] for one in told["said"]}
    answers = {(one["source"], one["start_ms"], n): text for one in told["said"] for n, text in enumerate(one["answers"])}
    return wall, told["work_seconds"], captions, answers


def atom(program, videos, folder):
    command = [program, "bench", "work", "--pack", "mini", "--folder", folder, "--tasks", "caption,index,reason", "--", *videos]
    wall, told = timed(command)
    work = (told["done_us"] - told["ready_us"]) / 1e6
    results = [json.loads(line) for line in told["results"]]
    place = lambda one: (one["source"], one["start_ms"])
    captions = {place(one): one["text"] for one in results if one["kind"] == "caption"}
    answers = {(*place(one), int(one["node"][-1])): one["text"] for one in results if one["kind"] == "answer"}
    return wall, work, captions, answers


def alike(ours, theirs):
    same = sum(theirs.get(key) == text for key, text in ours.items())
    return f"{same} of {max(len(ours), len(theirs))}"


def both(program, pack, videos):
    with tempfile.TemporaryDirectory() as folder:
        return atom(program, videos, folder), peer(pack, videos, Path(folder))


def main(program, pack, exact, videos):
    same, other = both(program, pack, [exact])
    if same[2:] != other[2:]:
        sys.exit(f"the results for identical frames differ: {alike(same[2], other[2])} captions and "
                 f"{alike(same[3], other[3])} answers are equal")
    walls, works = [], []
    for _ in range(ROUNDS):
        ours, theirs = both(program, pack, videos)
        walls.append((ours[0], theirs[0]))
        works.append((ours[1], theirs[1]))
    middle = lambda rounds, at: statistics.median(one[at] for one in rounds)
    ratio = lambda rounds: statistics.median(ours / theirs for ours, theirs in rounds)
    print("| | Atom | Python | ratio |\n|---|---|---|---|")
    for name, rounds in [("start to end", walls), ("without loading", works)]:
        print(f"| {name} | {middle(rounds, 0):.1f} s | {middle(rounds, 1):.1f} s | {ratio(rounds):.2f} |")
    print(f"\nFor identical frames, all {len(same[2])} captions and {len(same[3])} answers are equal. For this video, "
          f"{alike(ours[2], theirs[2])} captions and {alike(ours[3], theirs[3])} answers are equal: each program scales and "
          "converts frames with a library of its own, so the frames differ a little.")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
