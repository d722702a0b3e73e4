"""The emulator (`usher emulate`) and the function behind `cargo lambda watch`, on this machine and for a while.

Needs Python 3.11 and cargo-lambda on the PATH. Both processes end with the block that they were started for, however that ends.
"""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "usher-lambda"


@contextlib.contextmanager
def function(usher, rules, watch_options=(), binary=None, settle=200):
    """Yields the port on 127.0.0.1 where `cargo lambda watch` listens.

    It builds the function at the first request, unless `binary` is the function, built already.
    """
    # Ends through `finally`, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    emulator_port, lambda_port = free_port(), free_port()
    environment = os.environ | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{emulator_port}",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "emulated",
        "AWS_SECRET_ACCESS_KEY": "emulated",
        "USHER_RULES": str(rules),
    }
    # A table that does not exist here; without one the order holds within the process.
    environment.pop("USHER_LEDGER_TABLE", None)
    emulate = [usher.resolve(), "emulate", "--port", str(emulator_port), "--settle", str(settle)]
    # Without CORS, which is the gateway's matter and answers in the function's place.
    watch = ["cargo", "lambda", "watch", "--ignore-changes", "--disable-cors", "--invoke-address", "127.0.0.1",
             "--invoke-port", str(lambda_port), *watch_options]
    watch += ["--only-lambda-apis"] if binary else ["--bin", NAME, "--wait"]
    with contextlib.ExitStack() as started:
        started.enter_context(running("usher emulate", emulate, os.environ, emulator_port))
        started.enter_context(running("cargo lambda watch", watch, environment, lambda_port))
        if binary:
            # What Lambda and `cargo lambda watch` tell a function that they start themselves.
            environment |= {
                "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{lambda_port}/.rt/{NAME}",
                "AWS_LAMBDA_FUNCTION_NAME": NAME,
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                # Wrong requests are warnings, and there will be many.
                "AWS_LAMBDA_LOG_LEVEL": "ERROR",
            }
            started.enter_context(running("the function", [binary.resolve()], environment))
        yield lambda_port


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(name, command, environment, port=None):
    """The process and all that it started, until the block ends; its output is shown if the block fails."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )
        try:
            if port is not None:
                await_port(name, process, port)
            yield
        except BaseException:
            output.seek(0)
            # The last of it: a property-based run makes thousands of lines, and what failed stands above them.
            tail = output.read().decode(errors="replace").splitlines()[-20:]
            print(f"--- output of {name} ---", *tail, sep="\n", file=sys.stderr)
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def await_port(name, process, port):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"{name} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    sys.exit(f"{name} does not listen on port {port}")
