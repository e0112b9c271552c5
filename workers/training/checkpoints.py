"""A copy of a job's checkpoints for another job to go on from, so that the first job's stay as they are."""

from __future__ import annotations

from urllib.parse import quote

from workers.aws.s3_uri import S3Uri
from workers.aws.session import AwsSession
from workers.errors.tree import InvalidInput, NotFound

# CopyObject copies up to 5 GB at once; a checkpoint of the largest backbone here has some 300 MB.
MOST_BYTES = 5 * 10**9


class CheckpointCopies:
    """Copies within S3, nothing goes over the operator's line. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def copy(self, source: str, target: str) -> int:
        """Copy every file below ``source`` (``s3://bucket/prefix``) to the same name below ``target``; how many.

        Raises ``NotFound`` when there is none, ``InvalidInput`` for files too large to be checkpoints of train.py.
        """
        origin, place = S3Uri.parse(source), S3Uri.parse(target)
        doing = "copy the checkpoints"
        found = [
            item
            async for item in self._session.paginate(
                "s3", "list_objects_v2", "Contents", doing=doing, Bucket=origin.bucket, Prefix=origin.folder
            )
            if not item["Key"].endswith("/")
        ]
        if not found:
            raise NotFound(
                "There is no checkpoint to go on from",
                f"{source} is empty: the job ended before its first epoch, or they were deleted.",
            )
        if any(item["Size"] > MOST_BYTES for item in found):
            raise InvalidInput("The checkpoints cannot be copied", "One of their files is larger than 5 GB.")
        for item in found:
            await self._session.call(
                "s3",
                "copy_object",
                doing=doing,
                Bucket=place.bucket,
                Key=place.below(item["Key"].removeprefix(origin.folder)).key,
                CopySource=f"{origin.bucket}/{quote(item['Key'])}",
            )
        return len(found)
