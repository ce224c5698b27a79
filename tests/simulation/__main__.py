"""`python -m tests.simulation --seeds N --start K`: run many worlds, or one again with `--replay SEED`."""

import argparse
import sys
import time

from tests.simulation.record import Violated
from tests.simulation.world import World


def explain(seed, callers):
    """Run a failing seed again, with its log."""
    world = World(seed, callers, log=True)
    try:
        world.run()
    except Exception as error:
        print("\n".join(world.log[-150:]))
        print(f"seed {seed}: {type(error).__name__}: {error}")
        if not isinstance(error, Violated):
            raise
    else:
        print("\n".join(world.log))
        print(f"seed {seed}: every invariant holds")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--replay", type=int)
    options = parser.parse_args()
    if options.replay is not None:
        explain(options.replay, options.callers)
        return 0
    began = time.perf_counter()
    for seed in range(options.start, options.start + options.seeds):
        try:
            World(seed, options.callers).run()
        except Exception:  # noqa: BLE001 - whatever it is, it is what failed
            explain(seed, options.callers)
            return 1
    spent = time.perf_counter() - began
    lives = options.seeds * options.callers
    print(f"{options.seeds} seeds, {lives} lives, 0 violations, {spent:.1f} s, {lives / spent:.0f} lives a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
