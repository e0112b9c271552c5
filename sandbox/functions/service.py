"""Lambda's control operations: functions, code, configuration, versions, aliases, concurrency, permissions, tags."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox.context import SandboxContext
from sandbox.core.account import REGION
from sandbox.core.numbers import whole
from sandbox.functions.code import Code, CodeStore
from sandbox.functions.invoke import TMP_MEGABYTES, Invoker
from sandbox.functions.location import bucket_of, code_location, zip_finder
from sandbox.functions.members import CallMembers, CodeMembers, FunctionMembers, TagMembers
from sandbox.functions.policy import FunctionPolicies
from sandbox.functions.store import LATEST, Config, FunctionStore, split_name
from sandbox.s3.inside import S3
from sandbox.service import Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller
from sandbox.wire.reading import check

# Lambda quotas: 4 KB for all environment variables together.
MAX_ENVIRONMENT_BYTES = 4096
# botocore's model does not know this limit.
MAX_TIMEOUT = 900
_RESERVED_VARIABLES = re.compile(r"AWS_(?!LAMBDA_EXEC_WRAPPER$).*|LAMBDA_.*|_HANDLER")
_CONFIGURABLE = ("Description", "Timeout", "MemorySize", "Handler", "Runtime", "Role", "Layers")
_DEFAULTS = {"Description": "", "Timeout": 3, "MemorySize": 128}
# What every function here has, and what may therefore be asked for; anything else of these is refused.
_GIVEN: dict[str, object] = {
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": TMP_MEGABYTES},
    "TracingConfig": {"Mode": "PassThrough"},
}
_DONE = frozenset(
    {
        *_CONFIGURABLE,
        *_GIVEN,
        *("FunctionName", "Code", "Publish", "Tags", "PackageType", "Environment", "RevisionId", "LoggingConfig"),
    }
)
_PAGE = 50

Result = dict[str, Any] | None


class LambdaService(Service):
    """The service ``lambda``. Python functions from a zip; what it does not have answers NotImplemented."""

    name = "lambda"
    rest = True
    # What the operations that make and change a function do not have, ``_refuse_undone`` refuses.
    undone = {
        "AddPermission": {"InvokedViaFunctionUrl": (False,)},
        "Invoke": {"ClientContext": (), "DurableExecutionName": (), "TenantId": ()},
        "ListFunctions": {"MasterRegion": ("ALL", REGION)},
        "PublishVersion": {"PublishTo": ()},
        "UpdateFunctionCode": {"PublishTo": (), "SourceKMSKeyArn": (), "S3ObjectStorageMode": ()},
    }

    def start(self, ctx: SandboxContext) -> None:
        """Open the records and the code; nothing runs until a call comes."""
        self._ctx = ctx
        self._store = FunctionStore(ctx.state.db, ctx.region)
        self._code = CodeStore(ctx.state.path / "functions")
        ctx.part(S3).handed_out[bucket_of(ctx.region)] = zip_finder(self._code)
        self._invoker = Invoker(ctx, self._store, self._code)
        self._concurrency = self._invoker.concurrency
        self._policies = FunctionPolicies(self._store, ctx.access.exists)
        self.operations = {
            "CreateFunction": self._create,
            "GetFunction": self._get,
            "GetFunctionConfiguration": lambda given, _: self._find(given),
            "ListFunctions": self._list,
            "DeleteFunction": self._delete,
            "UpdateFunctionCode": self._update_code,
            "UpdateFunctionConfiguration": self._update_configuration,
            "PublishVersion": self._publish,
            "ListVersionsByFunction": self._list_versions,
            "CreateAlias": self._create_alias,
            "UpdateAlias": self._update_alias,
            "GetAlias": lambda given, _: self._store.alias(self._name(given), given["Name"]),
            "ListAliases": self._list_aliases,
            "DeleteAlias": self._delete_alias,
            "Invoke": self._invoke,
            **self._concurrency.operations,
            "AddPermission": lambda given, _: self._policies.add(given),
            "RemovePermission": lambda given, _: self._policies.remove(given),
            "GetPolicy": lambda given, _: self._policies.get(given),
            # None of these can be made here; of a function there is, that is the answer.
            "ListFunctionUrlConfigs": lambda given, _: {"FunctionUrlConfigs": self._none_of(given)},
            "GetFunctionUrlConfig": lambda given, _: self._no_url(given),
            "ListFunctionEventInvokeConfigs": lambda given, _: {"FunctionEventInvokeConfigs": self._none_of(given)},
            "ListTags": lambda given, _: {"Tags": self._tags(split_name(given["Resource"])[0])},
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }
        self._concurrency.recover()

    def busy(self) -> bool:
        """True while a call is under way or an asynchronous one waits for its next try."""
        return self._invoker.busy()

    def stop(self) -> None:
        """End every function process."""
        self._invoker.close()

    def check(self, call: Call) -> Call:
        """The call with its members checked; Lambda's ValidationException says whose fault it is."""
        return self.refuse_undone(check(call, Type="User"))

    def _name(self, given: FunctionMembers) -> str:
        name = split_name(given["FunctionName"])[0]
        self._store.get(name)
        return name

    def _none_of(self, given: FunctionMembers) -> list[object]:
        self._name(given)
        return []

    def _no_url(self, given: FunctionMembers) -> Result:
        self._name(given)
        text = "The resource you requested does not exist."
        raise AwsError("ResourceNotFoundException", text, 404, Type="User")

    def _find(self, given: FunctionMembers) -> Config:
        name, qualifier = split_name(given["FunctionName"], given.get("Qualifier", ""))
        config = self._store.get(name, qualifier)
        return _as_version(config) if qualifier == LATEST else config

    def _create(self, given: FunctionMembers, caller: Caller) -> Result:
        name = split_name(given["FunctionName"])[0]
        if self._store.exists(name):
            raise AwsError("ResourceConflictException", f"Function already exist: {name}", 409, Type="User")
        if given.get("PackageType", "Zip") != "Zip":
            raise _invalid("The sandbox runs functions from a zip, not from a container image.")
        if not given.get("Handler") or not given.get("Runtime"):
            raise _invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
        config: Config = {
            "FunctionName": name,
            "FunctionArn": self._store.function_arn(name),
            "Version": LATEST,
            "PackageType": "Zip",
            **_GIVEN,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
            **_DEFAULTS,
        }
        data = self._zip(given["Code"])
        config = self._configured(config, given)
        config = _with_code(config, self._code.put(data))
        config = self._store.save(config)
        if given.get("Tags"):
            self._store.put_setting(name, "tags", json.dumps(given["Tags"]))
        return self._store.publish(name, None, None, None) if given.get("Publish") else config

    def _get(self, given: FunctionMembers, caller: Caller) -> Result:
        config = self._find(given)
        name = config["FunctionName"]
        location = code_location(
            self._ctx.endpoint_url, self._ctx.region, self._ctx.credentials.operator, name, config["CodeSha256"]
        )
        code = {"RepositoryType": "S3", "Location": location}
        found: dict[str, Any] = {"Configuration": config, "Tags": self._tags(name), "Code": code}
        if concurrency := self._concurrency.of(name):
            found["Concurrency"] = concurrency
        return found

    def _list(self, given: FunctionMembers, caller: Caller) -> Result:
        names = [name for name in self._store.names() if name > given.get("Marker", "")]
        page = names[: given.get("MaxItems", _PAGE)]
        everything = given.get("FunctionVersion") == "ALL"
        found = [c for name in page for c in (self._versions(name) if everything else [self._store.get(name)])]
        return {"Functions": found} | ({"NextMarker": page[-1]} if len(page) < len(names) else {})

    def _delete(self, given: FunctionMembers, caller: Caller) -> Result:
        name, qualifier = split_name(given["FunctionName"], given.get("Qualifier", ""))
        self._store.delete(name, qualifier)
        self._invoker.forget(name)
        self._concurrency.forget(name, qualifier or None)
        self._code.keep_only(self._store.code_hashes())
        return {"StatusCode": 204}

    def _update_code(self, given: FunctionMembers, caller: Caller) -> Result:
        name = self._name(given)
        config = self._store.get(name)
        self._store.check_revision(config, given.get("RevisionId"))
        if given.get("ImageUri"):
            raise _invalid("Please don't provide ImageUri when updating a function with packageType Zip.")
        config = _with_code(config, self._code.put(self._zip(given)))
        if given.get("DryRun"):
            return config
        config = self._store.save(config)
        self._invoker.forget(name)
        self._code.keep_only(self._store.code_hashes())
        return self._store.publish(name, None, None, None) if given.get("Publish") else config

    def _update_configuration(self, given: FunctionMembers, caller: Caller) -> Result:
        name = self._name(given)
        config = self._store.get(name)
        self._store.check_revision(config, given.get("RevisionId"))
        config = self._store.save(self._configured(config, given))
        self._invoker.forget(name)
        return config

    def _configured(self, config: Config, given: FunctionMembers) -> Config:
        _refuse_undone(given, config)
        config = dict(config, **{key: value for key, value in given.items() if key in _CONFIGURABLE})
        if config["Timeout"] > MAX_TIMEOUT:
            text = (
                f"1 validation error detected: Value '{config['Timeout']}' at 'timeout' failed to satisfy constraint: "
                f"Member must have value less than or equal to {MAX_TIMEOUT}"
            )
            raise AwsError("ValidationException", text, 400, Type="User")
        if not config["Runtime"].startswith("python3"):
            raise _invalid(f"The sandbox runs Python functions; the runtime {config['Runtime']} is not one.")
        if config.get("Layers"):
            hint = "The sandbox has no layers; put what the function needs into its zip."
            raise _invalid(f"Layer version {config['Layers'][0]} does not exist. {hint}")
        self._invoker.check_role(config["Role"], self._store.function_arn(config["FunctionName"]))
        if "Environment" in given:
            variables = given["Environment"].get("Variables", {})
            reserved = sorted(name for name in variables if _RESERVED_VARIABLES.fullmatch(name))
            if reserved:
                raise _invalid(
                    "Lambda was unable to configure your environment variables because the environment variables you "
                    "have provided contains reserved keys that are currently not supported for modification. "
                    f"Reserved keys used in this request: {', '.join(reserved)}"
                )
            if len(json.dumps(variables)) > MAX_ENVIRONMENT_BYTES:
                raise _invalid("Environment variables size exceeded the 4KB limit.")
            config["Environment"] = {"Variables": variables}
        return config

    def _zip(self, given: CodeMembers) -> bytes:
        if "ZipFile" in given:
            return given["ZipFile"]
        if "S3Bucket" in given and "S3Key" in given:
            try:
                return self._ctx.part(S3).get_bytes(given["S3Bucket"], given["S3Key"], given.get("S3ObjectVersion"))
            except AwsError as error:
                text = f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
                raise _invalid(text) from None
        raise _invalid("Please provide a source for function code.")

    def _publish(self, given: FunctionMembers, caller: Caller) -> Result:
        revision = given.get("RevisionId")
        return self._store.publish(self._name(given), given.get("Description"), given.get("CodeSha256"), revision)

    def _list_versions(self, given: FunctionMembers, caller: Caller) -> Result:
        versions = self._versions(self._name(given))
        start, size = whole(given.get("Marker", "0")), given.get("MaxItems", _PAGE)
        if start is None:
            raise _invalid("The Marker is not one that was given.")
        end = start + size
        return {"Versions": versions[start:end]} | ({"NextMarker": str(end)} if end < len(versions) else {})

    def _versions(self, name: str) -> list[Config]:
        return [_as_version(config) for config in self._store.versions(name)]

    def _create_alias(self, given: FunctionMembers, caller: Caller) -> Result:
        name = self._name(given)
        if any(alias["Name"] == given["Name"] for alias in self._store.aliases(name)):
            arn = self._store.function_arn(name, given["Name"])
            raise AwsError("ResourceConflictException", f"Alias already exists: {arn}", 409, Type="User")
        record = {key: value for key, value in given.items() if key in ("Name", "FunctionVersion", "RoutingConfig")}
        return self._store.put_alias(name, record | {"Description": given.get("Description", "")})

    def _update_alias(self, given: FunctionMembers, caller: Caller) -> Result:
        name = self._name(given)
        record = self._store.alias(name, given["Name"])
        self._store.check_revision(record, given.get("RevisionId"))
        changes = {
            key: value for key, value in given.items() if key in ("FunctionVersion", "Description", "RoutingConfig")
        }
        self._concurrency.check_alias(name, given["Name"], changes)
        record = self._store.put_alias(name, record | changes)
        self._concurrency.alias_changed(name, given["Name"])
        return record

    def _delete_alias(self, given: FunctionMembers, caller: Caller) -> Result:
        name = self._name(given)
        self._store.delete_alias(name, given["Name"])
        self._concurrency.forget(name, given["Name"])
        return None

    def _list_aliases(self, given: FunctionMembers, caller: Caller) -> Result:
        wanted = given.get("FunctionVersion")
        aliases = self._store.aliases(self._name(given))
        return {"Aliases": [alias for alias in aliases if wanted in (None, alias["FunctionVersion"])]}

    def _invoke(self, given: CallMembers, caller: Caller) -> Result:
        name, qualifier = split_name(given["FunctionName"], given.get("Qualifier", ""))
        self._store.get(name, qualifier)
        config = self._store.get(name, self._store.routed(name, qualifier))
        return self._invoker.invoke(config, qualifier, given)

    def _tags(self, name: str) -> dict[str, str]:
        tags: dict[str, str] = json.loads(self._store.setting(name, "tags") or "{}")
        return tags

    def _tag(self, given: TagMembers, caller: Caller) -> Result:
        name = split_name(given["Resource"])[0]
        self._store.get(name)
        self._store.put_setting(name, "tags", json.dumps(self._tags(name) | given["Tags"]))
        return None

    def _untag(self, given: TagMembers, caller: Caller) -> Result:
        name = split_name(given["Resource"])[0]
        self._store.get(name)
        rest = {key: value for key, value in self._tags(name).items() if key not in given["TagKeys"]}
        self._store.put_setting(name, "tags", json.dumps(rest))
        return None


def _as_version(config: Config) -> Config:
    """A configuration under the name of its version, where it was asked for as one: ``…:$LATEST`` is one, too."""
    if config["Version"] != LATEST:
        return config
    return dict(config, FunctionArn=f"{config['FunctionArn']}:{LATEST}")


def _with_code(config: Config, code: Code) -> Config:
    return dict(config, CodeSha256=code.sha256, CodeSize=code.size)


def _refuse_undone(given: Mapping[str, object], config: Config) -> None:
    """Members that Lambda has and the sandbox does not act on are refused, unless they ask for what is so anyway."""
    same = {**_GIVEN, "LoggingConfig": config["LoggingConfig"]}
    for name, value in given.items():
        if name in same:
            # Of a structure, those members count that are given.
            is_so = same[name].items() >= value.items() if isinstance(value, dict) else same[name] == value
        else:
            is_so = name in _DONE or not value or (isinstance(value, dict) and not any(value.values()))
        if not is_so:
            raise _invalid(f"The sandbox has no {name} of this kind: {json.dumps(value)[:200]}")


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidParameterValueException", text, 400, Type="User")
