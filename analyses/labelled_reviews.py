#!/usr/bin/env python3
"""Writes labelled sentences of film reviews for `unargmax pattern --tune`, out of a package on the Python package index.

    python3 analyses/labelled_reviews.py --out DIR [--train 200] [--test 400]

The source package of vaderSentiment 3.3.2 (MIT licence; Hutto and Gilbert, "VADER", ICWSM 2014) carries 10,605 sentences of film
reviews, each with the mean of twenty people's ratings from -4 to 4. The package is checked against its SHA-256. Sentences rated
above 1 are labelled `great`, those below -1 `terrible`, and the others are left out. DIR/train.csv and DIR/test.csv have as many of
each label; they are drawn in the order of the sentences' SHA-256, so that every run writes the same files.
"""

import argparse
import csv
import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile

PACKAGE, VERSION = "vaderSentiment", "3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER = f"{PACKAGE}-{VERSION}/additional_resources/hutto_ICWSM_2014.tar.gz"
RATINGS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


def ratings():
    """Returns the (rating, sentence) pairs of the package."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder,
             f"{PACKAGE}=={VERSION}"],
            check=True,
        )
        (archive,) = pathlib.Path(folder).iterdir()
        data = archive.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"{archive.name}: the SHA-256 is not {SHA256}")
    with tarfile.open(fileobj=io.BytesIO(data)) as package:
        with tarfile.open(fileobj=package.extractfile(INNER)) as inner:
            lines = inner.extractfile(RATINGS).read().decode("utf-8").splitlines()
    return [(float(rating), text.strip()) for _, rating, text in (line.split("\t", 2) for line in lines)]


def main():
    """Reads the command line and writes both files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--train", type=int, default=200)
    parser.add_argument("--test", type=int, default=400)
    arguments = parser.parse_args()
    clear = {text: "great" if rating > 0 else "terrible" for rating, text in ratings() if abs(rating) > 1}
    order = sorted(clear, key=lambda text: hashlib.sha256(text.encode()).digest())
    by_label = [[(text, label) for text in order if clear[text] == label] for label in ("great", "terrible")]
    pairs = [pair for both in zip(*by_label) for pair in both]
    if len(pairs) < arguments.train + arguments.test:
        sys.exit(f"there are {len(pairs)} sentences")
    arguments.out.mkdir(parents=True, exist_ok=True)
    parts = {"train": pairs[:arguments.train], "test": pairs[arguments.train:arguments.train + arguments.test]}
    for name, rows in parts.items():
        with open(arguments.out / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows(rows)
        print(f"{arguments.out / name}.csv: {len(rows)} sentences")


if __name__ == "__main__":
    main()
