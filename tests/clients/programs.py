"""Node programs that play a phone: each says a line of JSON after a step and waits for a word."""

import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

#: Seconds that a program has for everything.
PATIENCE: Final = 120.0


class Program:
    """`node NAME ORDER` in `folder`, where its output of errors is kept."""

    def __init__(self, folder: Path, name: str, order: dict[str, Any]) -> None:
        self.errors = folder / f"{order['device']}.log"
        with self.errors.open("wb") as log:
            self.popen = subprocess.Popen(
                ["node", name, msgspec.json.encode(order).decode()],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._watch = threading.Timer(PATIENCE, self.popen.kill)
        self._watch.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.cancel()
        self.popen.kill()
        self.popen.communicate()

    def say(self, word: str) -> None:
        """What the program waits for."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(word + "\n")
        self.popen.stdin.flush()

    def hear(self, step: str) -> dict[str, Any]:
        """What the program says when it has done `step`."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        assert line, f"ended before {step}:\n{self.errors.read_text()[-3000:]}"
        said: dict[str, Any] = msgspec.json.decode(line)
        assert said["step"] == step, said
        return said
