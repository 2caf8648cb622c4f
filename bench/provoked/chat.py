"""A chat on a pseudo-terminal, as a person has it."""
import os
import pty
import re
import select
import time

from .disturb import NotHere

PREFILL = re.compile(r"prefill (\d+) tok, (\d+) tok/s")


def talk(argv, env, questions, seconds_max=300):
    """The seconds that each answer's prompt took to be read, as lupo reports them."""
    try:
        pid, terminal = pty.fork()
    except OSError as error:
        raise NotHere(f"no pseudo-terminal: {error.strerror}") from error
    if pid == 0:
        os.execve(argv[0], argv, dict(env, TERM="dumb"))
    seen, end, seconds = "", time.monotonic() + seconds_max, []

    def wait_for(found):
        nonlocal seen
        while not found(seen):
            if time.monotonic() > end or not select.select([terminal], [], [], 1)[0] and os.waitpid(pid, os.WNOHANG)[0]:
                raise RuntimeError(f"the chat stopped at: {seen[-300:]}")
            seen += os.read(terminal, 65536).decode("utf-8", "replace")

    try:
        wait_for(lambda text: ">>>" in text)
        for n, question in enumerate(questions, 1):
            os.write(terminal, (question + "\n").encode())
            wait_for(lambda text, n=n: len(PREFILL.findall(text)) >= n and text.rstrip().endswith(">>>"))
        for tokens, rate in PREFILL.findall(seen):
            seconds.append(int(tokens) / max(1, int(rate)))
        return seconds
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
