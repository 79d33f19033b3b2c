"""`python -m tests.findings NAME CASE...`: sweep one of them again, or only these cases of it.

With `--write` the page of NAME is written anew. The exit code is 1 where a promise is broken.
"""

from __future__ import annotations

import sys

from tests.findings.pages import EVERYTHING, FOLDER, page


def main(arguments: list[str]) -> int:
    writes = "--write" in arguments
    names = [argument for argument in arguments if argument != "--write"]
    if not names or names[0] not in EVERYTHING:
        print(f"say which: {', '.join(EVERYTHING)}", file=sys.stderr)
        return 2
    report = EVERYTHING[names[0]].sweep(cases=names[1:] or None)
    print(report.text())
    if writes:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{names[0]}.md").write_text(page(names[0], report), "utf-8")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
