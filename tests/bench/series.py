"""Microbenchmarks of the store and the PromQL engine on one core: series_bench.cc.

usage: ./dev bench series [--benchmark_filter=append] [any other option of Google Benchmark]
"""
import os
import subprocess
import sys

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build/release/tests/bench_series")


def main(arguments):
    status = subprocess.run([PROGRAM, *arguments], check=False).returncode
    if status:
        sys.exit(status)
