"""Hosts that cannot meet say why, and nobody waits for ever."""

from __future__ import annotations

import json
import socket
import threading
from datetime import timedelta

import pytest

from sagedeck_training.machine import distributed
from sagedeck_training.machine.distributed import HostLost, join
from sagedeck_training.machine.rendezvous import MeetingError, read_meeting

TWO = {"SM_HOSTS": '["algo-1", "algo-2"]', "SM_CURRENT_HOST": "algo-1"}
TORCHRUN = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "7777"}


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (
            {**TWO, "SM_CURRENT_HOST": "algo-3"},
            "SM_CURRENT_HOST is “algo-3”, which is none of SM_HOSTS: algo-1, algo-2",
        ),
        ({**TWO, "SM_CURRENT_HOST": ""}, "SM_CURRENT_HOST is “”"),
        ({"SM_HOSTS": "algo-1,algo-2"}, "SM_HOSTS must be a JSON list of host names, not “algo-1,algo-2”"),
        ({"SM_HOSTS": '{"a": 1}'}, "SM_HOSTS must be a JSON list"),
        ({**TWO, "SM_HOSTS": '["algo-1", "algo-1"]'}, "names a host twice"),
        ({**TWO, "SM_MASTER_PORT": "http"}, "SM_MASTER_PORT must be a whole number from 1 to 65535, not “http”"),
        ({**TWO, "MASTER_PORT": "70000"}, "MASTER_PORT must be a whole number from 1 to 65535, not “70000”"),
        ({**TWO, "GLOO_SOCKET_IFNAME": "eth99"}, "interface “eth99”, which this host does not have"),
        ({**TORCHRUN, "RANK": "2"}, "RANK must be a whole number from 0 to 1, not “2”"),
        ({**TORCHRUN, "RANK": "-1"}, "RANK must be a whole number"),
        ({**TORCHRUN, "RANK": "first"}, "RANK must be a whole number"),
        ({**TORCHRUN, "WORLD_SIZE": "two"}, "WORLD_SIZE must be a whole number"),
        ({**TORCHRUN, "WORLD_SIZE": "0"}, "WORLD_SIZE must be a whole number from 1"),
        ({**TORCHRUN, "MASTER_ADDR": ""}, "MASTER_ADDR must name the first host"),
    ],
)
def test_an_environment_that_cannot_be_right_is_named(env: dict[str, str], words: str) -> None:
    with pytest.raises(MeetingError) as told:
        join(env)
    assert words in str(told.value)


def test_one_host_needs_nothing() -> None:
    for env in ({}, {"SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "x"}, {"RANK": "0", "WORLD_SIZE": "1"}):
        assert join(env).world == 1


def test_the_first_hosts_address_and_port_are_found_as_before() -> None:
    meeting = read_meeting({**TWO, "SM_CURRENT_HOST": "algo-2"})
    assert (meeting.rank, meeting.world, meeting.address, meeting.port) == (1, 2, "algo-1", 7777)
    both = read_meeting(
        {**TWO, "MASTER_ADDR": "10.0.0.9", "SM_MASTER_ADDR": "b", "MASTER_PORT": "9", "SM_MASTER_PORT": "8"}
    )
    assert (both.address, both.port) == ("10.0.0.9", 9)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "JOIN_TIMEOUT", timedelta(seconds=1))
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")


def meeting_at(port: int, host: int, count: int = 2) -> dict[str, str]:
    names = [f"algo-{number + 1}" for number in range(count)]
    return {
        "SM_HOSTS": json.dumps(names), "SM_CURRENT_HOST": names[host], "SM_MASTER_ADDR": "127.0.0.1",
        "SM_MASTER_PORT": str(port),
    }  # fmt: skip


def test_a_port_that_is_taken_is_told(soon: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MeetingError, match=rf"port {port}, cannot listen there \(Address already in use\)"):
            join(meeting_at(port, 0))


@pytest.fixture
def port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def test_hosts_that_do_not_come_are_waited_for_a_while_and_named(soon: None, port: int) -> None:
    with pytest.raises(HostLost, match="Not all 3 processes of this job came within 1 s; missing: rank 1, 2"):
        join(meeting_at(port, 0, 3))


def test_a_first_host_that_is_not_there_is_named(soon: None, port: int) -> None:
    with pytest.raises(HostLost, match=rf"The first host, 127\.0\.0\.1, port {port}, cannot be reached"):
        join(meeting_at(port, 1))


def test_a_first_host_whose_name_nobody_knows_is_named(soon: None, port: int) -> None:
    with pytest.raises(HostLost, match=r"The first host, algo-1\.invalid, cannot be found"):
        join({**meeting_at(port, 1), "SM_MASTER_ADDR": "algo-1.invalid"})


def test_an_address_of_another_host_cannot_be_listened_on(soon: None, port: int) -> None:
    with pytest.raises(MeetingError, match="cannot listen there"):
        join({**meeting_at(port, 0), "SM_MASTER_ADDR": "192.0.2.1"})


def test_two_processes_of_one_rank_are_told(soon: None, port: int) -> None:
    meeting = read_meeting(meeting_at(port, 0))
    store = distributed._store(meeting)
    store.add("sagedeck/rank/0", 1)
    with pytest.raises(MeetingError, match="Two processes of this job have the rank 0"):
        distributed._wait_for_all(store, meeting)


def test_a_connection_that_never_comes_ends(soon: None) -> None:
    with pytest.raises(HostLost, match="cannot connect"):
        distributed._within(timedelta(seconds=0.1), threading.Event().wait, "they cannot connect")


def test_errors_of_torch_are_told_without_its_places_in_code() -> None:
    error = RuntimeError(
        "[/pytorch/third_party/gloo/pair.cc:81] Connection closed by peer [127.0.0.1]:4\nC++ frames:\n"
    )
    assert distributed._plain(error) == "Connection closed by peer [127.0.0.1]:4"
