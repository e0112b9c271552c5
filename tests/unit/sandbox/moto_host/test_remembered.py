"""Answers of moto that are kept until something changes."""

from __future__ import annotations

from typing import Any

from sandbox.moto_host.remembered import Remembered


class Moto:
    """Counts what it is asked; ``change`` makes every answer another one."""

    def __init__(self) -> None:
        self.version, self.asked = 0, 0
        self.remembered = Remembered(lambda: self.version)

    def volumes(self, **params: Any) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            self.asked += 1
            return {"Volumes": [{"VolumeId": f"vol-{self.version}", "Tags": []}]}

        return self.remembered.answer("DescribeVolumes", params, ask)


def test_the_same_question_is_asked_again_only_after_a_change() -> None:
    moto = Moto()
    first = moto.volumes()
    assert moto.volumes() == first and moto.asked == 1
    assert moto.volumes(Filters=[{"Name": "size", "Values": ["1"]}]) == first and moto.asked == 2
    moto.version += 1
    assert moto.volumes()["Volumes"][0]["VolumeId"] == "vol-1" and moto.asked == 3


def test_whoever_gets_an_answer_may_change_it() -> None:
    moto = Moto()
    answer = moto.volumes()
    answer["Volumes"][0]["Tags"].append({"Key": "mine", "Value": "1"})
    answer["Volumes"].clear()
    assert moto.volumes()["Volumes"] == [{"VolumeId": "vol-0", "Tags": []}]


def test_an_answer_that_a_change_overtook_is_not_kept() -> None:
    moto = Moto()

    def ask() -> dict[str, Any]:
        moto.version += 1
        return {"Volumes": []}

    moto.remembered.answer("DescribeVolumes", {}, ask)
    assert moto.volumes()["Volumes"][0]["VolumeId"] == "vol-1"
