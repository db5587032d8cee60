"""A queue program that does as it is told: what stands in its environment as FAKE, steps with blanks between them.

Run by tests as `python -I -S`, under the name that a test gives it. It knows nothing of the server. The steps:

    message     read all of descriptor 0         read:N     read N octets of it
    envelope    read all of descriptor 1         close:N    close descriptor N
    store       write message and envelope into FAKE_FOLDER, as PID.message and PID.envelope
    look        write what it was started with into FAKE_FOLDER, as PID.look
    text:N:T    write T on descriptor N; `_` is a blank, `^` a line end
    much:N      write 200,000 octets on descriptor N, or as many as go there
    say:T       write T and a line end on descriptor 2
    child       start one of our own, which reads nothing, hangs, and writes its number into FAKE_FOLDER, as PID.child
    reader      start one of our own, which reads descriptors 0 and 1 to their end
    hang        wait for ever
    kill:N      send signal N to itself
    orphan      kill the server
    exit:N      end with status N

Behind the last step it ends with status 0.
"""

import contextlib
import os
import signal
import sys


def read(descriptor, most=None):
    octets = b""
    while most is None or len(octets) < most:
        more = os.read(descriptor, 65_536 if most is None else most - len(octets))
        if not more:
            break
        octets += more
    return octets


def write(name, octets):
    with open(f"{os.environ['FAKE_FOLDER']}/{os.getpid()}.{name}.new", "wb") as file:
        file.write(octets)
    os.rename(file.name, file.name.removesuffix(".new"))


def hang():
    while True:
        signal.pause()


def look():
    ignored = [number for number in signal.valid_signals() if signal.getsignal(number) == signal.SIG_IGN]
    # Python ignores these for itself.
    ignored = [number for number in ignored if number not in (signal.SIGPIPE, getattr(signal, "SIGXFSZ", None))]
    with open("/proc/self/status") as status:
        lines = [line for line in status if line.startswith(("SigBlk", "SigIgn"))]
    with open("/proc/self/environ", "rb") as file:
        environment = [variable.partition(b"=") for variable in file.read().split(b"\0") if variable]
    found = {
        "descriptors": sorted(
            int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")
        ),
        "folder": os.getcwd(),
        "environment": {key: value for key, _, value in environment},
        "group": os.getpgid(0),
        "ignored": [int(number) for number in ignored],
        "blocked": int(next(line for line in lines if line.startswith("SigBlk")).split()[1], 16),
        "words": sys.argv,
    }
    write("look", repr(found).encode())


def main():
    message = envelope = b""
    for step in os.environ.get("FAKE", "message envelope store").split():
        word, _, argument = step.partition(":")
        if word == "message":
            message += read(0)
        elif word == "envelope":
            envelope += read(1)
        elif word == "read":
            message += read(0, int(argument))
        elif word == "close":
            os.close(int(argument))
        elif word == "store":
            write("message", message)
            write("envelope", envelope)
        elif word == "look":
            look()
        elif word == "text":
            number, _, text = argument.partition(":")
            os.write(int(number), text.replace("_", " ").replace("^", "\n").encode())
        elif word == "much":
            with contextlib.suppress(BlockingIOError):
                os.write(int(argument), b"D" + b"x" * 199_999)
        elif word == "say":
            os.write(2, argument.encode() + b"\n")
        elif word == "child":
            if not os.fork():
                write("child", b"%d" % os.getpid())
                hang()
        elif word == "reader":
            if not os.fork():
                message += read(0)
                envelope += read(1)
                os._exit(0)
        elif word == "hang":
            hang()
        elif word == "kill":
            os.kill(os.getpid(), int(argument))
        elif word == "orphan":
            os.kill(os.getppid(), signal.SIGKILL)
        elif word == "exit":
            os._exit(int(argument))
        else:
            sys.exit(f"no step is called {step!r}")


if __name__ == "__main__":
    main()
