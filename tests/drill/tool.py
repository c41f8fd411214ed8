"""The drill's tool: proves by a kernel lock that it is alone, leaves children that do not want to die, writes what it did."""

import fcntl
import os
import signal
import subprocess
import sys
import time


def main() -> int:
    job, record, seconds, code, brood = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    with open(f"{record}/{job}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(record, job, "overlap")
            return 99
        note(record, job, "start")
        if brood == "yes":
            subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=True, close_fds=True)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            print(f"{job} works at {time.time():.2f}", flush=True)
            time.sleep(0.1)
        note(record, job, "end" if code == 0 else "fail")
    return code


STUBBORN = """
import signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
time.sleep(600)
"""


def note(record: str, job: str, word: str) -> None:
    with open(f"{record}/{job}.txt", "a") as file:
        file.write(f"{word} {os.getpid()} {time.time():.3f}\n")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
