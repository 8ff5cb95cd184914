"""Judge every finished network of a sweep on further data folders, and compare them as study.md does.

python scripts/judge_sweep.py logs/night_study/TIME_sweep /data/tokyo_night [FOLDER ...] [--set trainer=gpu]

Writes study_<name of the folder>.csv and .md into the sweep's folder. What was judged stays in judged/<name>/ there, so
the same command goes on where it was interrupted, and takes in jobs that have finished meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import yaml

from geoloc.data.progress import progress_bar
from geoloc.errors import InputError
from geoloc.report.sweep.jobs import SweepJob, read_jobs
from geoloc.report.sweep.study import write_study


def judged(sweep: Path, data: Path) -> dict[str, SweepJob]:
    """{name of the sweep's job: the job that has judged its network} of all that is judged already.

    Raises:
        InputError: Another folder of the same name was judged there.
    """
    folder = sweep / "judged" / data.name
    found = {}
    for job in read_jobs(folder) if folder.is_dir() else []:
        if job.status != "finished":
            continue
        asked = yaml.safe_load((folder / job.name / ".hydra" / "config.yaml").read_text(encoding="utf-8"))
        if asked["test_folders"] != [str(data)]:
            raise InputError(f"{folder}: holds what {asked['test_folders'][0]} gave; move it away to judge {data}")
        found[Path(asked["checkpoint"]).name] = job
    return found


def judge(sweep: Path, data: Path, names: list[str], overrides: list[str]) -> int:
    """Judge the networks of some jobs on a folder, as one sweep of task=test; returns its exit code."""
    folder = sweep / "judged" / data.name
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "geoloc.run", "-m", "task=test", *overrides),
        f"checkpoint={','.join(quoted(sweep / name) for name in names)}",
        f"test_folders=[{quoted(data)}]",
        f"hydra.sweep.dir={quoted(folder)}",
    ]
    with (
        (folder / "log.txt").open("a", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process,
        progress_bar(data.name, unit="networks") as advance,
    ):
        running = True
        while running:
            time.sleep(0.5)
            running = process.poll() is None  # before counting, so that the last one is counted too
            advance(len(judged(sweep, data).keys() & set(names)), len(names))
    return process.returncode


def quoted(path: Path) -> str:
    """A path as Hydra reads it, whatever signs are in it."""
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def as_judged(job: SweepJob, found: dict[str, SweepJob]) -> SweepJob:
    """A job of the sweep with the recalls on the folder, and how they came about, in place of its own."""
    if job.status == "finished" and job.name in found:
        return replace(job, recalls=found[job.name].recalls, judging=found[job.name].judging)
    return replace(job, status="not judged" if job.status == "finished" else job.status, recalls={}, judging={})


def main() -> None:
    """Read the command line, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, help="the sweep's folder")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="a data set with a test split")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to geoloc.run")
    given = parser.parse_args()
    sweep, folders = given.sweep.resolve(), [folder.resolve() for folder in given.folders]
    if not sweep.is_dir() or not any(job.status == "finished" for job in read_jobs(sweep)):
        parser.error(f"{given.sweep}: not the folder of a sweep with finished jobs")
    for folder in folders:
        if not (folder / "images" / "test").is_dir():
            parser.error(f"{folder}/images/test: no such folder")
        if [each.name for each in folders].count(folder.name) > 1:
            parser.error(f"two folders are called {folder.name}; judge one after renaming it")
    code = 0
    for folder in folders:
        try:
            done = judged(sweep, folder)
        except InputError as error:
            parser.error(str(error))
        jobs = read_jobs(sweep)
        names = [job.name for job in jobs if job.status == "finished" and job.name not in done]
        print(f"{folder.name}: {len(names)} networks to judge, {len(done)} judged already", flush=True)
        code = judge(sweep, folder, names, given.set) or code if names else code
        written = write_study(sweep, [as_judged(job, judged(sweep, folder)) for job in jobs], f"study_{folder.name}")
        print(written or f"{sweep}: its jobs have all the same seed, so there is no study", flush=True)
        if code:
            print(f"some could not be judged; see {sweep / 'judged' / folder.name / 'log.txt'}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
