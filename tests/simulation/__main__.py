"""`python -m tests.simulation --seeds N --start K`: run many worlds, or one again with `--replay SEED`."""

import argparse
import sys
import time

from tests.simulation.runner import cores, explain, run_many


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--callers", type=int, help="instead of the number that the seed draws")
    parser.add_argument("--jobs", type=int, default=1, help="processes; 0: one per core")
    parser.add_argument("--replay", type=int, metavar="SEED", help="one world again, with everything that happened")
    options = parser.parse_args()
    if options.replay is not None:
        print("\n".join(explain(options.replay, options.callers, whole=True)))
        return 0
    jobs, began = options.jobs or cores(), time.perf_counter()
    tally = run_many(options.start, options.seeds, options.callers, jobs)
    if tally.failed is not None:
        print("\n".join(explain(tally.failed, options.callers)))
        print(f"again: python -m tests.simulation --replay {tally.failed}")
    print(f"{tally}; {time.perf_counter() - began:.1f} s on {jobs} core{'s' if jobs > 1 else ''}")
    return 0 if tally.failed is None else 1


if __name__ == "__main__":
    sys.exit(main())
