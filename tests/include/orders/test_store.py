"""The store below RAW_URL on S3, as moto plays it: one call a page, and each refusal told by who must act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.errors import LoadError, OperatorActionError, SellerOrdersError, SettingsError, TransientError
from include.local_stack.ports import free_port
from include.orders import store
from include.orders.landing import delete_pages, read_page, write_page
from tests.payloads.aws import Aws

pytestmark = pytest.mark.slow

BUCKET = "raw-pages"
FOLDER = f"s3://{BUCKET}/raw/orders/acme/window"
PAGE = f"{FOLDER}/page-0001.json.gz"
BODY = b'{"orders":[]}' * 40


@pytest.fixture
def s3(aws: Aws) -> Iterator[Aws]:
    """A bucket, and no client of an earlier test."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    aws.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield aws
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second try, and half a second for each."""
    once = {"connect_timeout": 0.5, "read_timeout": 0.5, "retries": {"mode": "standard", "total_max_attempts": 1}}
    monkeypatch.setattr(store, "S3_OPTIONS", {**store.S3_OPTIONS, "config_kwargs": once})
    monkeypatch.setattr(store, "S3_ROUNDS", 1)


def test_a_page_is_one_object_written_by_one_call_and_read_by_one(s3: Aws):
    write_page(PAGE, BODY)
    assert read_page(PAGE) == BODY
    assert s3.calls == ["S3 PUT", "S3 GET"]
    assert s3.objects(BUCKET) == ["raw/orders/acme/window/page-0001.json.gz"]


def test_a_second_writing_replaces_the_object(s3: Aws):
    write_page(PAGE, b"old")
    write_page(PAGE, BODY)
    assert (read_page(PAGE), len(s3.objects(BUCKET))) == (BODY, 1)


def test_a_deleted_window_leaves_nothing_of_itself_and_all_of_others(s3: Aws):
    other = PAGE.replace("window", "window2")
    for url in (PAGE, PAGE.replace("0001", "0002"), other):
        write_page(url, BODY)
    delete_pages([PAGE])
    delete_pages([PAGE])
    assert s3.objects(BUCKET) == ["raw/orders/acme/window2/page-0001.json.gz"]


def test_a_page_that_is_not_there_is_named(s3: Aws):
    with pytest.raises(LoadError, match=r"page-0001.json.gz is gone"):
        read_page(PAGE)


def test_a_bucket_that_nobody_made_is_named_and_not_made(s3: Aws):
    with pytest.raises(SettingsError, match=r"bucket does not exist.*RAW_URL"):
        write_page("s3://mistyped-bucket/raw/page-0001.json.gz", BODY)
    with pytest.raises(SettingsError, match="bucket does not exist"):
        read_page("s3://mistyped-bucket/raw/page-0001.json.gz")
    assert [bucket["Name"] for bucket in s3.client("s3").list_buckets()["Buckets"]] == [BUCKET]


def test_what_fails_for_a_moment_is_tried_again_before_anybody_hears_of_it(s3: Aws):
    s3.fail("S3 PUT", "InternalError", status=500, times=1)
    write_page(PAGE, BODY)
    assert s3.calls == ["S3 PUT", "S3 PUT"]
    assert read_page(PAGE) == BODY


ACTS: dict[str, Callable[[], Any]] = {
    "S3 PUT": lambda: write_page(PAGE, BODY),
    "S3 GET": lambda: read_page(PAGE),
    "S3 DELETE": lambda: delete_pages([PAGE]),
}
TROUBLES: dict[str, tuple[dict[str, Any], type[SellerOrdersError]]] = {
    "denied": ({"code": "AccessDenied", "status": 403}, SettingsError),
    "an unknown key": ({"code": "InvalidAccessKeyId", "status": 403}, SettingsError),
    "a wrong secret": ({"code": "SignatureDoesNotMatch", "status": 403}, SettingsError),
    "an ended role": ({"code": "ExpiredToken", "status": 400}, SettingsError),
    "another region": ({"code": "AuthorizationHeaderMalformed", "status": 400}, SettingsError),
    "a bucket that went": ({"code": "NoSuchBucket", "status": 404}, SettingsError),
    "too much": ({"code": "SlowDown", "status": 503, "message": "Please wait"}, TransientError),
    "broken": ({"code": "InternalError", "status": 500}, TransientError),
    "no word we know": ({"code": "Whatever", "status": 409}, TransientError),
    "slammed": ({"slam": True}, TransientError),
    "silent": ({"silent": True}, TransientError),
}


# Writing meets all of them; the others go the same way.
MET = [("S3 PUT", name) for name in TROUBLES]
MET += [(operation, name) for operation in ("S3 GET", "S3 DELETE") for name in ("denied", "broken", "silent")]


@pytest.mark.parametrize(("operation", "trouble"), MET)
def test_what_s3_says_decides_who_acts_and_what_was_there_stays(s3: Aws, impatient: None, operation: str, trouble: str):
    write_page(PAGE, b"earlier")
    how, error = TROUBLES[trouble]
    s3.fail(operation, **how)
    with pytest.raises(error) as refused:
        ACTS[operation]()
    assert PAGE.rpartition("/")[0] in str(refused.value)
    s3.mend()
    assert read_page(PAGE) == b"earlier"


def test_a_deletion_that_s3_reports_done_and_did_not_do_is_no_success(s3: Aws, impatient: None):
    write_page(PAGE, BODY)
    left = b"<DeleteResult><Error><Key>raw</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    s3.fail("S3 DELETE", status=200, body=left)
    with pytest.raises(OperatorActionError, match="could not be deleted"):
        delete_pages([PAGE])
    assert len(s3.objects(BUCKET)) == 1


def test_without_credentials_somebody_is_told_and_where_nobody_listens_nobody_is(
    s3: Aws, impatient: None, monkeypatch: pytest.MonkeyPatch
):
    from s3fs import S3FileSystem

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    S3FileSystem.clear_instance_cache()
    with pytest.raises(TransientError, match="EndpointConnectionError"):
        write_page(PAGE, BODY)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    S3FileSystem.clear_instance_cache()
    with pytest.raises(SettingsError, match=r"NoCredentialsError|PartialCredentialsError"):
        write_page(PAGE, BODY)


def test_a_password_in_the_address_is_told_nobody():
    assert store.shown("sftp://me:s3cret@host/raw") == "sftp://host/raw"
