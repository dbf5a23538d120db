"""``adafocus --help``: all verbs in two groups, and nothing heavy imported to list them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest

from adafocus.edge import cli

PACKAGES = ("torch", "cv2", "numpy", "pydantic", "rich", "PIL")
PROGRAM = (sys.executable, "-m", "adafocus")
DEVICE = ["run", "stream", "inspect", "selftest", "bench", "energy", "doctor", "vectors"]
WORKSTATION = {"split", "predict", "probe", "train", "quantize", "calibrate", "evaluate", "export", "verify", "presets"}


def start(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60, cwd=cwd)


def sections(text: str) -> dict[str, dict[str, str]]:
    """Title -> verb -> sentence, with broken lines joined."""
    found: dict[str, dict[str, str]] = {}
    for title, body in re.findall(r"^(On the \w+):\n((?: .*\n)+)", text, re.MULTILINE):
        rows = re.sub(r"\n {6,}", " ", body).strip().splitlines()
        found[title] = dict(re.split(r"\s{2,}", row.strip(), maxsplit=1) for row in rows)
    return found


def test_verbs_are_listed_in_two_groups_with_whole_sentences() -> None:
    done = start(*PROGRAM, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    found = sections(done.stdout)
    assert list(found) == ["On the device", "On the workstation"]
    assert list(found["On the device"]) == DEVICE
    assert set(found["On the workstation"]) >= WORKSTATION
    for verbs in found.values():
        for name, sentence in verbs.items():
            assert re.fullmatch(r"[A-Z][^.]+( \.\w+|\.\w+)*[^.]*\.", sentence), (name, sentence)


def test_the_sentence_in_the_list_begins_the_help_of_the_verb() -> None:
    context = click.Context(cli.program)
    for verb in cli.DEVICE_VERBS:
        command = cli.program.get_command(context, verb.name)
        assert command is not None
        assert command.name == verb.name
        assert " ".join((command.help or "").split()).startswith(cli.summary(verb))


def test_a_verb_whose_packages_are_missing_is_listed_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = EntryPoint("gone", "adafocus.no_such_room.commands:gone", cli.WORKSTATION_GROUP)
    monkeypatch.setattr(cli, "_workstation_verbs", lambda: (gone,))
    assert cli.run(["--help"]) == 0
    assert sections(capsys.readouterr().out)["On the workstation"] == {"gone": cli.NO_SUMMARY}
    assert cli.run(["gone"]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert "pip install" in errors


@pytest.mark.parametrize(
    "script",
    [
        "import adafocus",
        "from adafocus.edge.cli import run; run(['--help'])",
        "from adafocus.edge.cli import run; run(['--version'])",
    ],
)
def test_the_package_its_help_and_its_version_load_nothing_heavy(script: str) -> None:
    loaded = f"import sys; {script}; print([name for name in {PACKAGES} if name in sys.modules])"
    done = start(sys.executable, "-c", loaded)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_names_of_the_package_are_those_of_its_rooms() -> None:
    import adafocus

    assert set(adafocus.__all__) <= set(dir(adafocus))
    for name in adafocus.__all__:
        assert getattr(adafocus, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Answer'"):
        _ = adafocus.Answer


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("--colour",), ("nothing",), ("run", "nothing")])
def test_python_m_adafocus_is_the_program(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    script = Path(sys.executable).parent / "adafocus"
    module, program = start(*PROGRAM, *arguments, cwd=tmp_path), start(os.fspath(script), *arguments, cwd=tmp_path)
    assert (module.returncode, module.stdout, module.stderr) == (program.returncode, program.stdout, program.stderr)
    assert module.returncode == (0 if arguments[0] in ("--version", "--help") else 2)
    assert "adafocus" in module.stdout + module.stderr
    assert "__main__" not in module.stdout + module.stderr


def every_command() -> list[tuple[str, click.Command]]:
    context = click.Context(cli.program)
    return [(verb.name, verb.load()) for verb in cli.DEVICE_VERBS] + [("adafocus", context.command)]


@pytest.mark.parametrize(("name", "command"), every_command())
def test_every_option_has_a_sentence(name: str, command: click.Command) -> None:
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, (name, option.name)
            assert option.help[0].isupper(), (name, option.help)
            assert re.search(r"\.(  \[default: .*\])?$", option.help), (name, option.help)
