"""What an instance may do and who may reach it: role, instance profile and security group, no wider than needed."""

from __future__ import annotations

import ipaddress
from typing import Any

from workers.access.policies import as_text, partition, policy
from workers.access.roles import INLINE_POLICY, role_name
from workers.aws.creating import Attempt, Part
from workers.aws.session import AwsSession
from workers.aws.tags import creator_tag
from workers.errors.tree import Conflict, InvalidInput, NotFound

KIND = "Instance"
# AWS's own policy for what the SSM agent does; it gives no access to data.
CORE_POLICY = "AmazonSSMManagedInstanceCore"
CLOSED_GROUP = "sagedeck-no-inbound"
SSH_GROUP = "sagedeck-ssh-"
SSH_PORT = 22
_TAG = creator_tag()


def profile_name(bucket: str) -> str:
    """The name of the role and of the instance profile for a bucket, at most 64 characters."""
    return role_name(KIND, bucket)


def ssh_problem(address: str) -> str | None:
    """What is wrong with the one address that may use SSH, in a sentence, or ``None``. "" opens no port."""
    if not address:
        return None
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        return f"“{address[:40]}” is no IP address such as 203.0.113.7/32."
    if network.num_addresses != 1:
        return f"SSH may be open to one address only, not to {network.num_addresses:,} of them."
    return None


class InstanceAccess:
    """Makes and checks role, profile and security groups. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def exists(self, bucket: str) -> bool:
        """Whether the instance profile for the bucket is there already."""
        try:
            await self._iam("get_instance_profile", "look up the instance profile", bucket)
        except NotFound:
            return False
        return True

    async def ensure_profile(self, bucket: str, attempt: Attempt) -> str:
        """The name of an instance profile whose role may use SSM, read the bucket, write its EC2 jobs and its log.

        A profile made just now takes EC2 some seconds to know.
        """
        name = profile_name(bucket)
        identity = await self._session.identity()
        values = {
            "account": identity.account,
            "partition": partition(identity.arn),
            "region": self._session.region,
            "bucket": bucket,
        }
        doing = f"prepare the role {name}"
        if not await self._there("get_role", doing, RoleName=name):
            await self._create_role(name, as_text(policy("trust_ec2")), doing, attempt)
        await self._call(
            "attach_role_policy",
            doing,
            RoleName=name,
            PolicyArn=f"arn:{values['partition']}:iam::aws:policy/{CORE_POLICY}",
        )
        await self._call(
            "put_role_policy",
            doing,
            RoleName=name,
            PolicyName=INLINE_POLICY,
            PolicyDocument=as_text(policy("instance_role", **values)),
        )
        await self._put_into_profile(name, doing, attempt)
        return name

    async def _create_role(self, name: str, trust: str, doing: str, attempt: Attempt) -> None:
        async def mine() -> dict[str, Any] | None:
            found = await self._there("get_role", doing, RoleName=name)
            return found if found and attempt.is_mine(found["Role"].get("Tags", ())) else None

        async def unmake() -> None:
            for call in (
                lambda: self._call("delete_role_policy", doing, RoleName=name, PolicyName=INLINE_POLICY),
                lambda: self._detach(name, doing),
            ):
                try:
                    await call()
                except NotFound:
                    pass
            await self._call("delete_role", doing, RoleName=name)

        await attempt.make(
            Part("role", name, unmake, f"aws iam delete-role --role-name {name}", "costs nothing"),
            lambda: self._call(
                "create_role",
                doing,
                RoleName=name,
                AssumeRolePolicyDocument=trust,
                Description="Made by SageDeck for EC2 instances that train",
                Tags=[_TAG, attempt.tag],
            ),
            mine,
        )

    async def _detach(self, name: str, doing: str) -> None:
        found = await self._call("list_attached_role_policies", doing, RoleName=name)
        for attached in found["AttachedPolicies"]:
            await self._call("detach_role_policy", doing, RoleName=name, PolicyArn=attached["PolicyArn"])

    async def _put_into_profile(self, name: str, doing: str, attempt: Attempt) -> None:
        found = await self._there("get_instance_profile", doing, InstanceProfileName=name)
        if not found:

            async def mine() -> dict[str, Any] | None:
                seen = await self._there("get_instance_profile", doing, InstanceProfileName=name)
                return seen if seen and attempt.is_mine(seen["InstanceProfile"].get("Tags", ())) else None

            async def unmake() -> None:
                try:
                    await self._call(
                        "remove_role_from_instance_profile", doing, InstanceProfileName=name, RoleName=name
                    )
                except NotFound:
                    pass
                await self._call("delete_instance_profile", doing, InstanceProfileName=name)

            found = await attempt.make(
                Part(
                    "instance profile",
                    name,
                    unmake,
                    f"aws iam delete-instance-profile --instance-profile-name {name}",
                    "costs nothing",
                ),
                lambda: self._call(
                    "create_instance_profile", doing, InstanceProfileName=name, Tags=[_TAG, attempt.tag]
                ),
                mine,
            )
        roles = [role["RoleName"] for role in found["InstanceProfile"].get("Roles", ())]
        if not roles:
            await self._call("add_role_to_instance_profile", doing, InstanceProfileName=name, RoleName=name)
        elif roles != [name]:
            raise Conflict(
                f"The instance profile {name} is not SageDeck's",
                f"It has the role {roles[0]}.",
                "Delete that instance profile, or use another bucket.",
            )

    async def ensure_group(self, vpc: str, ssh_from: str, attempt: Attempt) -> str:
        """The id of a security group of the VPC without any inbound rule, or with port 22 for one address alone.

        A group of that name which has other rules is not used. Raises ``InvalidInput``, ``Conflict``.
        """
        problem = ssh_problem(ssh_from)
        if problem:
            raise InvalidInput("The instance cannot be launched like this", problem)
        address = str(ipaddress.ip_network(ssh_from, strict=False)) if ssh_from else ""
        name = SSH_GROUP + address.replace("/", "-").replace(":", ".") if address else CLOSED_GROUP
        doing = f"prepare the security group {name}"
        found = await self._group(name, vpc, doing)
        if found is None:
            await self._create_group(name, vpc, doing, attempt)
            found = await self._group(name, vpc, doing)
            if found is None:
                raise NotFound(f"Could not {doing}", "It was made, and is not there.", "Try again.")
        if address and not found.get("IpPermissions"):
            kind = "Ipv6Ranges" if ":" in address else "IpRanges"
            field = "CidrIpv6" if ":" in address else "CidrIp"
            await self._session.call(
                "ec2",
                "authorize_security_group_ingress",
                doing,
                GroupId=found["GroupId"],
                IpPermissions=[
                    {
                        "IpProtocol": "tcp",
                        "FromPort": SSH_PORT,
                        "ToPort": SSH_PORT,
                        kind: [{field: address, "Description": "SageDeck: my address"}],
                    }
                ],
            )
            found = await self._group(name, vpc, doing) or found
        rules = inbound_rules(found)
        wanted = (f"port {SSH_PORT} from {address}",) if address else ()
        if rules != wanted:
            raise Conflict(
                f"The security group {name} has other rules",
                f"It lets in: {', '.join(rules) or 'nothing'}.",
                f"Take those rules away, or delete the group {found['GroupId']}; it is then made anew.",
            )
        return str(found["GroupId"])

    async def _create_group(self, name: str, vpc: str, doing: str, attempt: Attempt) -> None:
        async def mine() -> dict[str, Any] | None:
            seen = await self._group(name, vpc, doing)
            return seen if seen and attempt.is_mine(seen.get("Tags", ())) else None

        async def unmake() -> None:
            seen = await self._group(name, vpc, doing)
            if seen:
                await self._session.call("ec2", "delete_security_group", doing, GroupId=seen["GroupId"])

        await attempt.make(
            Part(
                "security group",
                name,
                unmake,
                f"aws ec2 delete-security-group --group-name {name}",
                "costs nothing",
            ),
            lambda: self._session.call(
                "ec2",
                "create_security_group",
                doing,
                GroupName=name,
                Description="SageDeck: training instances",
                VpcId=vpc,
                TagSpecifications=[{"ResourceType": "security-group", "Tags": [_TAG, attempt.tag]}],
            ),
            mine,
        )

    async def _group(self, name: str, vpc: str, doing: str) -> dict[str, Any] | None:
        answer = await self._session.call(
            "ec2",
            "describe_security_groups",
            doing,
            Filters=[{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc]}],
        )
        groups = answer["SecurityGroups"]
        return dict(groups[0]) if groups else None

    async def _there(self, operation: str, doing: str, **parameters: str) -> dict[str, Any] | None:
        try:
            return await self._call(operation, doing, **parameters)
        except NotFound:
            return None

    async def _iam(self, operation: str, doing: str, bucket: str) -> dict[str, object]:
        return await self._call(operation, doing, InstanceProfileName=profile_name(bucket))

    async def _call(self, operation: str, doing: str, **parameters: object) -> dict[str, Any]:
        return await self._session.call("iam", operation, doing, **parameters)


def inbound_rules(group: dict[str, Any]) -> tuple[str, ...]:
    """The inbound rules of DescribeSecurityGroups' group in words, each "port 22 from 203.0.113.7/32"."""
    rules = []
    for rule in group.get("IpPermissions", ()):
        first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
        port = (
            "all ports"
            if rule.get("IpProtocol") == "-1"
            else f"port {first}"
            if first == last
            else f"ports {first}–{last}"
        )
        sources = [item["CidrIp"] for item in rule.get("IpRanges", ())]
        sources += [item["CidrIpv6"] for item in rule.get("Ipv6Ranges", ())]
        sources += [item.get("GroupId", "a group") for item in rule.get("UserIdGroupPairs", ())]
        sources += [item.get("PrefixListId", "a prefix list") for item in rule.get("PrefixListIds", ())]
        rules += [f"{port} from {source}" for source in sources]
    return tuple(rules)
