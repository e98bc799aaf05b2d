"""Who holds a lock, as the lock's file tells it, and whether that process is still there."""

import json
import os
import socket
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

LONGEST = 4096  # bytes of a lock's file; ours have some 300


@dataclass(frozen=True)
class Holder:
    """A process, in words that also another machine can compare with its own.

    Attributes:
        host: the machine's name.
        system: what the machine is called in /etc/machine-id, which a reboot does not change; empty where it has none.
        boot: the running kernel; a reboot makes another, containers on one machine share it.
        space: the space of process numbers; every container has its own.
        pid: the process's number there.
        born: when it started, since numbers are given again.
        token: drawn for this one lock.
    """

    host: str
    system: str
    boot: str
    space: str
    pid: int
    born: str | None
    token: str = ""

    @classmethod
    def myself(cls, token: str = "") -> "Holder":
        pid = os.getpid()
        boot, space = _text("/proc/sys/kernel/random/boot_id"), _link("/proc/self/ns/pid")
        return cls(socket.gethostname(), _text("/etc/machine-id"), boot, space, pid, born(pid), token)

    @classmethod
    def read(cls, text: str) -> "Holder | None":
        """The holder that a lock's file names; None for a text that no lock of ours has."""
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(fields, dict):
            return None
        words = {key: fields.get(key, "") for key in ("host", "system", "boot", "space", "token")}
        pid, since = fields.get("pid"), fields.get("born")
        if not all(isinstance(word, str) and word.isprintable() and len(word) < 256 for word in words.values()):
            return None
        if type(pid) is not int or not 0 < pid < 2**31 or not isinstance(since, str | None) or not words["host"]:
            return None
        return cls(pid=pid, born=since, **words)

    def text(self) -> str:
        return json.dumps(asdict(self))

    @property
    def words(self) -> str:
        return f"process {self.pid} on {self.host}"

    def alive(self) -> bool | None:
        """Whether the process is still there; None where that cannot be seen from here, as from another machine."""
        here = Holder.myself()
        if not self.boot or not self.space:
            known_here = not here.boot and self.host == here.host  # a system without /proc has but the host's name
            return self._runs() if known_here else None
        if (self.boot, self.space) == (here.boot, here.space):
            return self._runs()
        if self.boot != here.boot and self.system and (self.host, self.system) == (here.host, here.system):
            # The machine was started anew. Containers of one image may share name and id on different machines, but
            # hardly the number of their space, too.
            return False if self.space == here.space else None
        return None

    def _runs(self) -> bool:
        since = born(self.pid)
        return since is not None and since == self.born


def read_lock(path: Path) -> str | None:
    """The text of a lock's file; None for what is no plain file, cannot be read or is too long to be a lock."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        content = os.read(number, LONGEST + 1) if stat.S_ISREG(os.fstat(number).st_mode) else None
        return None if content is None or len(content) > LONGEST else content.decode()
    except (OSError, ValueError):
        return None
    finally:
        os.close(number)


def born(pid: int) -> str | None:
    """When a process started, None if there is none: a later one may have been given the number of a dead one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        return "alive"  # another user's
    except OSError:
        return None
    return "alive"


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()[:200]
    except (OSError, ValueError):
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  the link's text is no path
    except OSError:
        return ""
