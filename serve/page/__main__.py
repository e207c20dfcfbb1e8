"""The page by itself: ``python -m hugginggraph.serve.page --port 7860``."""

from __future__ import annotations

import argparse

import uvicorn
from fastapi import FastAPI

from hugginggraph.graph import Parts

from .app import mount_page


def main() -> None:
    """Serve the page until stopped."""
    parser = argparse.ArgumentParser(description="The HuggingGraph web page.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    given = parser.parse_args()
    app = FastAPI(title="HuggingGraph")
    mount_page(app, Parts())
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
