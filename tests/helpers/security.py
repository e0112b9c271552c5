"""One bad and one good fact for every check of an account's safety."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.access.policies import PolicyDocument
from workers.security.buckets import BucketFact
from workers.security.functions import FunctionFact
from workers.security.groups import GroupFact, OpenRule
from workers.security.hosting import ConfigFact, ModelFact, VariantFact
from workers.security.identity import AccessKey, RootFact, UserFact
from workers.security.logs import LogGroupFact
from workers.security.machines import DefaultFact, InstanceFact, VolumeFact
from workers.security.notebooks import NotebookFact
from workers.security.roles import PrincipalFact
from workers.security.secrets import Hint
from workers.storage.buckets import BLOCK_ALL

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ACCOUNT = "123456789012"
EVERYTHING: PolicyDocument = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
WILD: PolicyDocument = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*", "logs:PutLogEvents"], "Resource": "*"}],
}
OPEN: PolicyDocument = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "*"}],
}

ROOT = RootFact(ACCOUNT, second_factor=True, keys=False, virtual=False)
USER = UserFact("ann", f"arn:aws:iam::{ACCOUNT}:user/ann", True, True, (AccessKey("AKIAGOODGOODGOODGOOD", NOW),))
OLD = AccessKey("AKIAOLDOLDOLDOLD1234", NOW - timedelta(days=91))
ROLE = PrincipalFact("role", "dogs", f"arn:aws:iam::{ACCOUNT}:role/dogs", (), ())
PERSON = PrincipalFact("user", "ann", f"arn:aws:iam::{ACCOUNT}:user/ann", (), ())
GROUP = PrincipalFact("group", "staff", f"arn:aws:iam::{ACCOUNT}:group/staff", (), ())
BUCKET = BucketFact("dogs", dict(BLOCK_ALL), None, (), "AES256")
CLOSED = GroupFact("sg-1", "dogs", ACCOUNT, "us-east-1", (OpenRule("tcp", 22, 22, "203.0.113.7/32"),))
INSTANCE = InstanceFact("i-1", "trainer", "arn:i-1", metadata=True, tokens=True)
VOLUME = VolumeFact("vol-1", "", "arn:vol-1", 8, encrypted=True)
DEFAULT = DefaultFact(ACCOUNT, "us-east-1", True)
FUNCTION = FunctionFact("predict", "arn:predict", "python3.13", (), 10, None, ())
NOTEBOOK = NotebookFact("lab", "arn:lab", root=False, internet=False, hints=())
MODEL = ModelFact("dogs", "arn:dogs", isolated=True)
CONFIG = ConfigFact("dogs", "arn:dogs", "arn:key", (VariantFact("AllTraffic", 2),))
LOGS = LogGroupFact("/dogs", "arn:logs", 30)


def world(*ports: int, protocol: str = "tcp", source: str = "0.0.0.0/0") -> GroupFact:
    """A group that lets everybody in to these ports."""
    first, last = (ports[0], ports[-1]) if ports else (-1, -1)
    return replace(CLOSED, rules=(*CLOSED.rules, OpenRule(protocol, first, last, source)))


def _managed(fact: PrincipalFact, name: str) -> PrincipalFact:
    return replace(fact, attached=((name, f"arn:aws:iam::aws:policy/{name}"),))


# Check: (bad fact, good fact).
TABLE: dict[str, tuple[Any, Any]] = {
    "iam_root_mfa_enabled": (replace(ROOT, second_factor=False), ROOT),
    "iam_no_root_access_key": (replace(ROOT, keys=True), ROOT),
    "iam_root_hardware_mfa_enabled": (replace(ROOT, virtual=True), ROOT),
    "iam_user_mfa_enabled_console_access": (replace(USER, second_factor=False), USER),
    "iam_rotate_access_key_90_days": (replace(USER, keys=(OLD,)), USER),
    "sagemaker_full_access_policy_attached": (_managed(ROLE, "AmazonSageMakerFullAccess"), ROLE),
    "iam_role_administratoraccess_policy": (_managed(ROLE, "AdministratorAccess"), ROLE),
    "iam_user_administrator_access_policy": (_managed(PERSON, "AdministratorAccess"), PERSON),
    "iam_group_administrator_access_policy": (_managed(GROUP, "AdministratorAccess"), GROUP),
    "iam_inline_policy_no_administrative_privileges": (replace(ROLE, inline=(("all", EVERYTHING),)), ROLE),
    "iam_customer_attached_policy_no_administrative_privileges": (
        replace(_managed(ROLE, "ours"), own=(("ours", EVERYTHING),)),
        ROLE,
    ),
    "sagedeck_role_full_access_policy": (_managed(ROLE, "AmazonS3FullAccess"), ROLE),
    "sagedeck_role_wildcard_actions": (replace(ROLE, inline=(("wide", WILD),)), ROLE),
    "s3_bucket_public_access": (replace(BUCKET, block={}, policy=OPEN), BUCKET),
    "s3_bucket_level_public_access_block": (replace(BUCKET, block={"BlockPublicAcls": True}), BUCKET),
    "s3_bucket_default_encryption": (replace(BUCKET, encryption=""), BUCKET),
    "ec2_securitygroup_allow_ingress_from_internet_to_all_ports": (world(protocol="-1"), CLOSED),
    "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22": (world(22, source="::/0"), CLOSED),
    "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_3389": (world(3389), CLOSED),
    "ec2_securitygroup_allow_ingress_from_internet_to_any_port": (world(8888), CLOSED),
    "ec2_instance_imdsv2_enabled": (replace(INSTANCE, tokens=False), INSTANCE),
    "ec2_ebs_volume_encryption": (replace(VOLUME, encrypted=False), VOLUME),
    "ec2_ebs_default_encryption": (replace(DEFAULT, encrypted=False), DEFAULT),
    "awslambda_function_no_secrets_in_variables": (
        replace(FUNCTION, hints=(Hint("Secret Keyword", "DB_PASSWORD"),)),
        FUNCTION,
    ),
    "awslambda_function_not_publicly_accessible": (replace(FUNCTION, policy=OPEN), FUNCTION),
    "awslambda_function_url_public": (replace(FUNCTION, urls=("NONE",)), replace(FUNCTION, urls=("AWS_IAM",))),
    "awslambda_function_using_supported_runtimes": (replace(FUNCTION, runtime="python3.9"), FUNCTION),
    "sagedeck_function_without_reserved_concurrency": (replace(FUNCTION, reserved=None), FUNCTION),
    "sagemaker_notebook_instance_no_secrets": (
        replace(NOTEBOOK, hints=(Hint("AWS Access Key", "OnStart line 3"),)),
        NOTEBOOK,
    ),
    "sagemaker_notebook_instance_without_direct_internet_access_configured": (
        replace(NOTEBOOK, internet=True),
        NOTEBOOK,
    ),
    "sagemaker_notebook_instance_root_access_disabled": (replace(NOTEBOOK, root=True), NOTEBOOK),
    "sagemaker_models_network_isolation_enabled": (replace(MODEL, isolated=False), MODEL),
    "sagemaker_endpoint_config_kms_encryption_enabled": (
        replace(CONFIG, key=""),
        replace(CONFIG, key="", variants=(VariantFact("AllTraffic", None),)),
    ),
    "sagemaker_endpoint_config_prod_variant_instances": (
        replace(CONFIG, variants=(VariantFact("AllTraffic", 1),)),
        CONFIG,
    ),
    "sagedeck_log_group_without_retention": (replace(LOGS, days=None), LOGS),
}
