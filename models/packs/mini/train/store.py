"""Writes results so that each is there whole or not at all: beside its place first, then renamed.

A stage that is killed leaves at most files that end in `.part`, which count for nothing and are overwritten by the next run.
"""
import contextlib

import numpy as np


@contextlib.contextmanager
def whole(*paths):
    """Gives a path to write instead of each of `paths`; when all are written, all get their names."""
    parts = [path.with_name(path.name + ".part") for path in paths]
    yield parts[0] if len(parts) == 1 else parts
    if len(paths) > 1:
        # New and old results do not fit together: a kill between two renames must leave one missing.
        for path in paths:
            path.unlink(missing_ok=True)
    for part, path in zip(parts, paths):
        part.replace(path)


def arrays(path, save=np.savez, **values):
    with whole(path) as part:
        write_arrays(part, save, values)


def arrays_and_lines(path, values, lines_path, lines):
    """An .npz file and the text file whose lines name its rows or columns."""
    with whole(path, lines_path) as (part, lines_part):
        write_arrays(part, np.savez, values)
        lines_part.write_text(as_text(lines))


def lines(path, lines):
    with whole(path) as part:
        part.write_text(as_text(lines))


def copy(source, path):
    with whole(path) as part:
        part.write_bytes(source.read_bytes())


def write_arrays(path, save, values):
    with path.open("wb") as file:  # given a path, numpy would add another ending
        save(file, **values)


def as_text(lines):
    return "".join(line + "\n" for line in lines)
