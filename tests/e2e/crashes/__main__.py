"""`python -m crashes N=50 SEED=1 DATABASE=sqlite`: fails when a decision was lost, or an approval used twice."""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median

from harness.arguments import given
from harness.databases import KINDS, Databases

from .run import run


def main(arguments: list[str]) -> int:
    kills, seed, kinds = given(arguments, N=50, SEED=1, DATABASE=",".join(KINDS))
    failed = False
    for kind in kinds.split(","):
        with tempfile.TemporaryDirectory() as directory, closing(Databases(Path(directory))) as databases:
            report = run(databases.fresh(kind), kills, seed, lambda n: print(f"\r{n} kills", end="", file=sys.stderr))
        print(f"\r{kind}: {report.kills} kills; up again in {median(report.starts):.2f} s (median), {max(report.starts):.2f} s (most)")
        print(f"  {len(report.acknowledged):,} decisions acknowledged, {report.left:,} callers left while they waited")
        print(f"  {report.released:,} calls released, {report.executed:,} made upstream; approvals: {dict(report.approvals)}")
        for failure in report.wrong[:20]:
            print(f"  failed: {failure}")
        print(f"  lost or used twice: {len(report.wrong)}")
        failed |= bool(report.wrong) or not report.released
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
