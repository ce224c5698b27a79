"""One target under atheris: ``python -m tests.fuzz.one <target> [libFuzzer's options] [folders]``."""

import sys

import atheris
from loguru import logger

with atheris.instrument_imports(include=["gateway", "actors", "jwt"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    logger.remove()
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
