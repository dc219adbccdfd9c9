"""The pack's manifest: training reads its rules there, so that both sides use the same."""
import pathlib
import tomllib

MANIFEST = tomllib.loads((pathlib.Path(__file__).resolve().parent.parent / "pack.toml").read_text())
