"""Exit 0 if the URL given answers 200 within two seconds: a health check that needs nothing but Python."""

import sys
import urllib.request

if __name__ == "__main__":
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=2) as answer:  # noqa: S310 - the compose file says which
            sys.exit(answer.status != 200)
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
