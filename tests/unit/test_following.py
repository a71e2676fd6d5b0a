"""What is made of files is made anew when they change, and stays what it was when they cannot be used."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.errors import SettingsError
from proxy.following import FilesState, FollowedFiles


class Number:
    """A file with a number in it, and how often it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read_count = 0

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def read(self) -> int:
        self.read_count += 1
        try:
            return int(self.path.read_text())
        except (OSError, ValueError) as error:
            raise SettingsError(f"no number: {type(error).__name__}") from error


@pytest.fixture
def number(tmp_path: Path) -> Number:
    made = Number(tmp_path / "number")
    made.write("1")
    return made


async def test_it_is_read_again_when_the_file_changes_and_only_then(number: Number) -> None:
    files = FollowedFiles()
    followed = files.follow("number", [number.path, None], number.read)
    for _ in range(3):
        await files.look()
    assert (followed.value, number.read_count) == (1, 1)
    number.write("22")
    await files.look()
    await files.look()
    assert (followed.value, number.read_count) == (22, 2)


async def test_what_cannot_be_used_leaves_the_former_in_use_is_told_once_and_can_be_put_right(number: Number) -> None:
    files = FollowedFiles()
    followed = files.follow("number", [number.path], number.read)
    breaks: list[tuple[Callable[[], None], str]] = [
        (lambda: number.write("many"), "ValueError"),
        (number.path.unlink, "FileNotFoundError"),
    ]
    for break_it, why in breaks:
        with capture_logs() as logs:
            break_it()
            await files.look()
            await files.look()
        assert followed.value == 1
        assert files.states == (FilesState("number", f"no number: {why}"),)
        assert [(line["event"], line["log_level"], line["name"]) for line in logs] == [("files.unusable", "warning", "number")]
    number.write("333")
    await files.look()
    assert (followed.value, files.states) == (333, (FilesState("number", None),))


async def test_a_folder_that_is_swapped_by_a_link_is_noticed(tmp_path: Path) -> None:
    """As an orchestrator mounts secrets: the file stays a link, and what it leads to is another."""
    for name, text in (("old", "1"), ("new", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "number").write_text(text)
    (tmp_path / "data").symlink_to("old")
    (tmp_path / "number").symlink_to("data/number")
    number, files = Number(tmp_path / "number"), FollowedFiles()
    followed = files.follow("number", [number.path], number.read)
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").rename(tmp_path / "data")
    await files.look()
    assert followed.value == 2


async def test_a_change_while_it_is_read_is_seen_by_the_next_look(number: Number) -> None:
    files = FollowedFiles()
    changes: Iterator[str] = iter(("333",))

    def read() -> int:
        value = number.read()
        for text in changes:
            number.write(text)
        return value

    followed = files.follow("number", [number.path], read)
    assert followed.value == 1
    await files.look()
    assert followed.value == 333


async def test_two_that_look_at_the_same_time_read_once(number: Number) -> None:
    files = FollowedFiles()
    followed = files.follow("number", [number.path], number.read)
    number.write("22")
    await asyncio.gather(*(followed.look() for _ in range(5)))
    assert (followed.value, number.read_count) == (22, 2)


async def test_they_are_looked_at_while_they_are_watched(number: Number) -> None:
    files = FollowedFiles(seconds=0.001)
    followed = files.follow("number", [number.path], number.read)
    async with files.watched(), asyncio.timeout(20):
        number.write("22")
        while followed.value != 22:  # noqa: ASYNC110 - what is waited for has no event, and gets none for a test's sake
            await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_what_cannot_be_used_to_begin_with_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        FollowedFiles().follow("number", [tmp_path / "absent"], Number(tmp_path / "absent").read)
