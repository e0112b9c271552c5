"""Commands and jobs as SSM and the bucket tell of them: a table of states, and what is refused before it is sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.workers.fake_aws import FakeSession
from workers.compute.commands import Commands, command_of, lines_of, run_cli
from workers.compute.instances import instance_of, period_of, up_seconds
from workers.compute.jobs import job_of_parts, job_problem
from workers.compute.types import Agent, Command, Instance, JobSpec
from workers.errors.tree import Conflict, InvalidInput
from workers.tuning.accuracy import Accuracy, best_accuracy
from workers.types import LogEvent

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ONLINE = Instance("i-1", "running", "t3.xlarge", NOW, "trainer", agent=Agent("Online", NOW))
ABOUT = {"instance": "i-1", "data_uri": "s3://b/sets", "hyperparameters": {"epochs": "20"}, "limit_seconds": 3600}


def command(state, **more):
    return Command("c-1", "i-1", state, NOW, job="dogs-1", bucket="b", **more)


@pytest.mark.parametrize(
    ("told", "sent", "state", "reason"),
    [
        (None, command("Pending"), "InProgress", ""),
        ({"state": "InProgress", "began": 1.0}, command("InProgress"), "InProgress", ""),
        ({"state": "InProgress", "began": 1.0}, command("Cancelling"), "Stopping", ""),
        ({"state": "Completed", "exit_code": 0}, command("Success", exit_code=0), "Completed", ""),
        # The host has told its end and SSM's reply is still on its way.
        ({"state": "Completed", "exit_code": 0}, command("InProgress"), "Completed", ""),
        ({"state": "Stopped", "exit_code": 0}, command("Success", exit_code=0), "Stopped", ""),
        ({"state": "Failed", "exit_code": 3}, command("Failed", exit_code=3), "Failed", "exit code 3"),
        ({"state": "Failed", "exit_code": 124, "timed_out": True}, None, "Failed", "longer than its limit"),
        ({"state": "InProgress"}, command("Cancelled", exit_code=137), "Stopped", "cancelled"),
        ({"state": "InProgress"}, command("TimedOut", detail="Execution Timed Out"), "Failed", "Execution Timed Out"),
        (None, command("Failed", exit_code=1), "Failed", "exit code 1"),
        ({"state": "InProgress"}, None, "Failed", "not told"),
        (None, None, "Failed", "not told"),
    ],
)
def test_state_of_a_job(told, sent, state, reason):
    job = job_of_parts("b", "dogs-1", ABOUT, told, sent)
    assert job.state == state and reason in job.reason
    assert bool(job.model_uri) == (state in ("Completed", "Stopped"))


def test_a_job_shows_in_the_lists_of_training_jobs():
    job = job_of_parts("b", "dogs-1", ABOUT, {"state": "Completed", "began": 10.0, "ended": 20.0, "exit_code": 0}, None)
    shown = job.as_training_job("t3.xlarge")
    assert (shown.name, shown.status, shown.instance_type, shown.instance_count) == (
        "dogs-1",
        "Completed",
        "t3.xlarge",
        1,
    )
    assert shown.model_uri == "s3://b/sagedeck/ec2/dogs-1/output/model.tar.gz"
    assert shown.hyperparameters == {"epochs": "20"} and shown.ended == datetime.fromtimestamp(20, UTC)


def test_a_job_has_its_best_accuracy_in_the_lists():
    told = {"state": "Completed", "metrics": {"valid:best_accuracy": 0.93, "valid:accuracy": 0.91, "note": "x"}}
    assert best_accuracy(job_of_parts("b", "dogs-1", ABOUT, told, None).as_training_job()) == Accuracy(0.93)
    for older in ({"state": "Completed"}, {"state": "Completed", "metrics": [1]}):
        assert best_accuracy(job_of_parts("b", "dogs-1", ABOUT, older, None).as_training_job()) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "a b"}, "job name"),
        ({"data_uri": "photos"}, "folder in S3"),
        ({"bucket": ""}, "bucket"),
        ({"limit_seconds": 5}, "time limit"),
        ({"limit_seconds": 900_000}, "time limit"),
        ({"hyperparameters": {"epoch": "3"}}, "Did you mean epochs"),
        ({"hyperparameters": {"epochs": "3.5"}}, "whole number"),
    ],
)
def test_a_form_that_cannot_work_is_told_before_it_is_sent(changes, words):
    good = {"name": "dogs-1", "instance": "i-1", "data_uri": "s3://b/sets", "bucket": "b"}
    assert job_problem(JobSpec(**good)) is None
    assert words in job_problem(JobSpec(**good | changes))


def test_arguments_of_a_script_of_ones_own_are_its_own():
    assert (
        job_problem(JobSpec("j", "i-1", "s3://b/s", "b", {"anything": "x"}, source="/tmp/mine", script="own.py"))
        is None
    )


class Ssm(FakeSession):
    def __init__(self):
        super().__init__()
        self.sent = {}
        self.handlers["send_command"] = self.on_send_command

    def on_send_command(self, **request):
        self.sent = request
        return {"Command": {"CommandId": "c-9", "RequestedDateTime": NOW, "Comment": request["Comment"]}}


def test_a_command_always_has_a_time_limit_live_output_and_one_target():
    session = Ssm()
    made = asyncio.run(Commands(session).run(ONLINE, "  nvidia-smi  ", bucket="bbb", seconds=10**9))
    assert (made.id, made.title, made.job, made.state) == ("c-9", "nvidia-smi", "", "Pending")
    assert session.sent["InstanceIds"] == ["i-1"] and "Targets" not in session.sent
    assert session.sent["Parameters"] == {"commands": ["nvidia-smi"], "executionTimeout": ["172800"]}
    assert session.sent["CloudWatchOutputConfig"] == {
        "CloudWatchLogGroupName": "/sagedeck/ec2",
        "CloudWatchOutputEnabled": True,
    }
    assert (session.sent["OutputS3BucketName"], session.sent["OutputS3KeyPrefix"]) == ("bbb", "sagedeck/ec2/commands")


@pytest.mark.parametrize(
    ("instance", "error", "words"),
    [
        (Instance("i-1", "stopped", "t3.xlarge", NOW, "trainer"), Conflict, "Start it first"),
        (Instance("i-1", "running", "t3.xlarge", NOW, "trainer"), Conflict, "has not reported"),
        (
            Instance("i-1", "running", "t3.xlarge", NOW, "t", agent=Agent("ConnectionLost")),
            Conflict,
            "stopped reporting",
        ),
    ],
)
def test_an_instance_that_takes_no_commands_is_not_sent_any(instance, error, words):
    session = Ssm()
    with pytest.raises(error, match=words):
        asyncio.run(Commands(session).run(instance, "ls"))
    with pytest.raises(InvalidInput):
        asyncio.run(Commands(session).run(ONLINE, "   "))
    assert session.sent == {}


def test_before_its_end_a_command_has_no_exit_code():
    item = {
        "CommandId": "c",
        "InstanceId": "i",
        "Comment": "sagedeck job dogs-1",
        "RequestedDateTime": NOW,
        "Status": "Delayed",
        "CommandPlugins": [{"ResponseCode": -1, "Output": ""}],
    }
    running = command_of(item)
    assert (running.state, running.exit_code, running.job, running.title) == ("InProgress", None, "dogs-1", "dogs-1")
    plugin = {"ResponseCode": -1, "ResponseFinishDateTime": NOW}
    assert command_of({**item, "Status": "TimedOut", "CommandPlugins": [plugin]}).exit_code == -1
    assert command_of({**item, "CommandPlugins": []}).exit_code is None


def test_lines_that_the_agent_put_into_one_event_are_lines_again():
    events = (LogEvent(NOW, "epoch=1/2\nepoch=2/2\n", "s"), LogEvent(NOW, "alone", "s"), LogEvent(NOW, "a\n\nb", "s"))
    assert [event.message for event in lines_of(events)] == ["epoch=1/2", "epoch=2/2", "alone", "a", "", "b"]


def test_the_sent_prefix_is_read_from_where_the_output_lies():
    item = {
        "CommandId": "c-1",
        "InstanceId": "i-1",
        "RequestedDateTime": NOW,
        "CommandPlugins": [
            {"OutputS3BucketName": "b", "OutputS3KeyPrefix": "sagedeck/ec2/x/ssm/c-1/i-1/awsrunShellScript"}
        ],
    }
    assert command_of(item).prefix == "sagedeck/ec2/x/ssm"


def test_the_cli_line_is_quoted():
    line = run_cli("i-1", ['echo "it\'s"'])
    assert line.endswith("""--parameters 'commands=["echo \\"it'"'"'s\\""]'""")


def test_how_long_it_was_up_is_unknown_where_ec2_does_not_say():
    item = {"InstanceId": "i-1", "State": {"Name": "stopped"}, "LaunchTime": NOW, "InstanceType": "t3.xlarge"}
    assert up_seconds(instance_of(item, None, {})) is None
    told = {**item, "StateTransitionReason": "User initiated (2026-01-31 13:00:00 GMT)"}
    assert up_seconds(instance_of(told, None, {})) == 3600
    gone = {**told, "State": {"Name": "terminated"}}
    assert up_seconds(instance_of(gone, None, {})) is None, "it may have been stopped for a while before"
    running = {**item, "State": {"Name": "running"}}
    assert up_seconds(instance_of(running, None, {}), NOW + timedelta(minutes=5)) == 300


def test_open_ports_are_unknown_when_the_group_could_not_be_read():
    item = {
        "InstanceId": "i-1",
        "State": {"Name": "running"},
        "LaunchTime": NOW,
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "mine"}],
        "Monitoring": {"State": "disabled"},
    }
    assert instance_of(item, None, {}).open_ports is None
    assert instance_of(item, None, {"sg-1": ("port 22 from 0.0.0.0/0",)}).open_ports == ("port 22 from 0.0.0.0/0",)
    assert instance_of(item, None, {"sg-1": ()}).open_ports == ()
    assert period_of(instance_of(item, None, {}), timedelta(hours=1)) == 300
