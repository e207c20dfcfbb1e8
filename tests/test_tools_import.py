"""Threads that need Transformers at once in a process that has only begun to import it."""

from __future__ import annotations

import subprocess
import sys

EVERY_MOMENT = """
import threading, time
from hugginggraph.tools.loading import quiet

wrong = []
def load():
    try:
        quiet()
        import transformers
        transformers.AutoTokenizer
    except BaseException as exc:
        wrong.append(repr(exc))

threads = []
while len(threads) < 6 or any(thread.is_alive() for thread in threads):
    threads.append(threading.Thread(target=load))
    threads[-1].start()
    time.sleep(0.02)
print(wrong[:1])
"""


def test_no_thread_gets_a_library_that_another_has_half_imported() -> None:
    command = [sys.executable, "-c", EVERY_MOMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout
