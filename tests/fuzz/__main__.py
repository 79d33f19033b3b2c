"""Coverage-guided fuzzing: `tox -e fuzz` runs every target for a minute, `tox -e fuzz -- load 600` one for ten.

Needs atheris, which has wheels for Linux and some Pythons; elsewhere it says so and is done.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

NAMES = ("load", "scenario", "journal", "framing", "decoders", "prompts", "redaction")
_LIMITS = ("-timeout=10", "-rss_limit_mb=1500", "-max_len=20000", "-verbosity=1")


def main() -> int:
    """Run the targets that are named, each in a process of its own: a crash of one ends that one."""
    if find_spec("atheris") is None:
        print("fuzz: skipped, there is no atheris for this Python or this system")
        return 0
    names = [arg for arg in sys.argv[1:] if arg in NAMES] or NAMES
    seconds = next((arg for arg in sys.argv[1:] if arg.isdigit()), "60")
    if "--here" in sys.argv:
        return _fuzz(names[0], seconds)
    return max(subprocess.call([sys.executable, "-m", "tests.fuzz", name, seconds, "--here"]) for name in names)


def _fuzz(name: str, seconds: str) -> int:
    import atheris

    with atheris.instrument_imports(include=["harness"]):  # what is imported before this is not seen
        from tests.fuzz.targets import SEEDS, TARGETS
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    given = [sys.argv[0], *_LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={name}-", str(corpus)]
    atheris.Setup(given, TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
