"""The programs as processes: a case goes in, times come out."""

import json
import os
import subprocess
import time

from cases import KEPT


class Program:
    """A running program: a case goes in, times come out."""

    def __init__(self, name, command, environment, threads):
        count = str(threads)
        own = {"RAYON_NUM_THREADS": count, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
        inherited = {name: value for name, value in os.environ.items() if name not in KEPT}
        cores = sorted(os.sched_getaffinity(0))[-threads:]
        self.name = name
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**inherited, **environment, **own},
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )

    def ask(self, case):
        try:
            print(json.dumps(case), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return {"none": f"the program ended with {self.process.wait()}"}
        return json.loads(line)

    def rest(self):
        """Waits for threads that still spin after an answer: they would take a core from the next."""
        before, end = self.used(), time.monotonic() + 1
        if before is None:
            time.sleep(0.1)
            return
        while time.monotonic() < end:
            time.sleep(0.025)
            now = self.used()
            if now == before:
                break
            before = now

    def used(self):
        """Processor time until now, in ticks of 10 ms, where the system tells it."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            return None
        return int(fields[11]) + int(fields[12])

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Programs:
    """The programs that are running, all with the same number of threads.

    `commands` gives the command and the environment of each program by name.
    """

    def __init__(self, commands, threads):
        self.commands, self.threads, self.running = commands, threads, {}

    def ask(self, name, case):
        if case["kind"] == "memory":  # a peak is a process's, so each has its own
            return self.ask_new(name, case)
        program = self.running.get(name)
        if program is None or program.process.poll() is not None:
            program = self.running[name] = self.start(name)
        answer = program.ask(case)
        program.rest()
        return answer

    def ask_new(self, name, case):
        """The answer of a process that is started for it."""
        program = self.start(name)
        answer = program.ask(case)
        if program.process.poll() is None:
            program.stop()
        return answer

    def start(self, name):
        return Program(name, *self.commands[name], self.threads)

    def stop(self):
        for program in self.running.values():
            program.stop()
