"""Join what the experiments measured into one file.

    python -m benchmarks.device_figures exits=exits.json budget=budget.json stream=stream.json --out results/device.yaml

Every section is the file of one experiment, which names its command. Sections that are not given stay as they are in
the file. Traces, lists of more than 40 records, are left out: the plots show them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml

from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, write

MAX_LENGTH = 40


def without_traces(value: Any) -> Any:
    """Leave out lists of more than 40 entries."""
    if isinstance(value, dict):
        kept = {key: without_traces(part) for key, part in value.items()}
        return {key: part for key, part in kept.items() if part is not None or value[key] is None}
    if isinstance(value, list):
        return None if len(value) > MAX_LENGTH else [without_traces(part) for part in value]
    return value


def joined(sections: dict[str, Path], out: Path) -> dict[str, Any]:
    """Return what stands in ``out``, with the given sections put in.

    Raises:
        AdafocusError: a file that is not there, or is no YAML or JSON.
    """
    content: dict[str, Any] = yaml.safe_load(out.read_text(encoding="utf-8")) if out.is_file() else {}
    for name, path in sections.items():
        if not path.is_file():
            raise AdafocusError(f"There is no file at {path}. Run the experiment first, or leave {name} out.")
        try:
            content[name] = without_traces(yaml.safe_load(path.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise AdafocusError(f"{path} is neither YAML nor JSON ({error}). Run the experiment again.") from error
    return content


@click.command(cls=Benchmark)
@click.argument("sections", nargs=-1, required=True, metavar="SECTION=FILE...")
@click.option("--out", required=True, type=PATH, help="Put them into this YAML file.")
def main(sections: tuple[str, ...], out: Path) -> None:
    """Put the files of experiments into one, a section each."""
    pairs = [section.partition("=") for section in sections]
    wrong = [section for section, (_, sign, path) in zip(sections, pairs, strict=True) if not sign or not path]
    if wrong:
        raise AdafocusError(f"Found {wrong[0]!r}, expected SECTION=FILE, for example exits=exits.json.")
    write(out, joined({name: Path(path) for name, _, path in pairs}, out))


if __name__ == "__main__":
    main()
