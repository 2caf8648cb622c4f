"""What makes a machine slow, for as long as a `with` lasts. NotHere says why this system does not let it."""
import contextlib
import ctypes
import mmap
import os
import struct
import subprocess
import threading
import time


class NotHere(Exception):
    pass


def _write(path, text):
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        raise NotHere(f"{path}: {error.strerror}") from error


@contextlib.contextmanager
def cgroup(controller, name, v1, v2):
    """A new group with files set: v1 and v2 map file names to texts. Yields the prefix of a command that runs in it."""
    root = f"/sys/fs/cgroup/{controller}"
    settings = v1 if os.path.isdir(root) else v2
    folder = os.path.join(root if settings is v1 else "/sys/fs/cgroup", name)
    try:
        os.mkdir(folder)
    except OSError as error:
        raise NotHere(f"{folder}: {error.strerror}") from error
    try:
        for file, text in settings.items():
            _write(os.path.join(folder, file), text)
        yield ["sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh"]
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def quota(cores):
    period = 100000
    return cgroup("cpu", f"lupo-quota-{os.getpid()}", {"cpu.cfs_period_us": str(period), "cpu.cfs_quota_us": str(int(cores * period))},
                  {"cpu.max": f"{int(cores * period)} {period}"})


@contextlib.contextmanager
def slow_disk(path, mb_per_second):
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    whole = os.path.realpath(f"/sys/dev/block/{number}")
    if os.path.exists(os.path.join(whole, "partition")):  # throttles are those of whole disks
        with open(os.path.join(os.path.dirname(whole), "dev"), encoding="ascii") as file:
            number = file.read().strip()
    rate = int(mb_per_second * 1e6)
    with cgroup("blkio", f"lupo-disk-{os.getpid()}", {"blkio.throttle.read_bps_device": f"{number} {rate}"},
                {"io.max": f"{number} rbps={rate}"}) as prefix:
        begin = time.monotonic()
        read = subprocess.run([*prefix, "dd", f"if={path}", "of=/dev/null", "bs=1M", "count=8", "iflag=direct"],
                              capture_output=True, check=False)
        if read.returncode != 0 or time.monotonic() - begin < 0.5 * 8e6 / rate:
            raise NotHere("this file's disk cannot be slowed, or not be read past the page cache")
        yield prefix


@contextlib.contextmanager
def busy(n):
    """n processes that compute and never wait."""
    hogs = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(n)]
    try:
        yield []
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


MADV_PAGEOUT = 21
SYS_PROCESS_MADVISE, SYS_PIDFD_OPEN = 440, 434  # the same on x86-64 and aarch64


def _pages_out(libc):
    """Whether this process may do so, tried on a page of its own."""
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    fd = libc.syscall(SYS_PIDFD_OPEN, os.getpid(), 0)
    if fd < 0:
        return False
    done = libc.syscall(SYS_PROCESS_MADVISE, fd, struct.pack("PP", address, mmap.PAGESIZE), 1, MADV_PAGEOUT, 0)
    os.close(fd)
    return done == mmap.PAGESIZE


def _page_out(libc, pid, path):
    """Takes the file's pages away from the process, as a system short of memory does."""
    fd = libc.syscall(SYS_PIDFD_OPEN, pid, 0)
    if fd < 0:
        return
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
            spans = [line.split()[0].split("-") for line in maps if line.rstrip("\n").endswith(path)]
        for begin, end in ((int(a, 16), int(b, 16)) for a, b in spans):
            for at in range(begin, end, 64 * mmap.PAGESIZE * 256):
                vector = struct.pack("PP", at, min(64 * mmap.PAGESIZE * 256, end - at))
                libc.syscall(SYS_PROCESS_MADVISE, fd, vector, 1, MADV_PAGEOUT, 0)
    except OSError:
        pass  # it has ended
    finally:
        os.close(fd)


@contextlib.contextmanager
def reclaimed(path, name):
    """The pages of a file are taken again and again from every process of that name."""
    if os.geteuid() != 0:
        raise NotHere("taking another process's pages needs root")
    path = os.path.realpath(path)
    libc = ctypes.CDLL(None, use_errno=True)
    if not _pages_out(libc):
        raise NotHere("process_madvise(2) is not allowed")
    stop = threading.Event()

    def loop():
        while not stop.wait(0.15):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                    if comm.read().strip() == name:
                        _page_out(libc, int(pid), path)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield []
    finally:
        stop.set()
        thread.join()


def forget(path):
    """Takes a file out of the page cache."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
