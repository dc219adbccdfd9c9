"""Measures peer.py beside Atom: the same work, in turns, in one run. Writes a table in Markdown.

    python compare.py ATOM PACK_FOLDER EXACT VIDEO...     (ATOM: the program)

EXACT is a video in RGB in the size of the vision encoder. Nobody need scale its pictures or convert their colours, so that both
see the same numbers and have to say the same, else this fails. Of other videos GStreamer and swscale make pictures that differ
a little, and where two captions are nearly as good, that decides.
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
    """Wall time of a program, and what it printed as JSON."""
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
        sys.exit(f"of the same pictures, {alike(same[2], other[2])} captions and {alike(same[3], other[3])} answers are the same")
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
    print(f"\nOf the same pictures all {len(same[2])} captions and {len(same[3])} answers are the same. Of this video, "
          "which each scales and converts with its own library, to pictures that differ a little, "
          f"{alike(ours[2], theirs[2])} captions and {alike(ours[3], theirs[3])} answers are.")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
