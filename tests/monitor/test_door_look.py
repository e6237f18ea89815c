"""What HAProxy counts of each key, as three of its versions write it (`show table`; the numbers are made equal)."""

from __future__ import annotations

import pytest

from jetson_deploy.monitor.llm.door_look import read_table
from jetson_deploy.monitor.model_parts import DoorKey

HEAD = "# table: per_key, type: string, size:4096, used:2\n"
TABLES = {
    "2.2.9": "0x55cc4a104e18: key=lap.top-1 use=0 exp=599319 conn_cur=1 http_req_cnt=2 http_req_rate(60000)=2"
    " bytes_in_cnt=320 bytes_out_cnt=396\n",
    "2.6.12": "0x56331e4ad2d8: key=lap.top-1 use=0 exp=598973 conn_cur=1 http_req_cnt=2 http_req_rate(60000)=2"
    " bytes_in_cnt=320 bytes_out_cnt=396\n",
    "3.0.11": "0x7fb8c1da8d28: key=lap.top-1 use=0 exp=598691 shard=0 conn_cur=1 http_req_cnt=2"
    " http_req_rate(60000)=2 bytes_in_cnt=320 bytes_out_cnt=396\n",
}


@pytest.mark.parametrize("version", TABLES)
def test_each_key_is_counted_but_the_one_of_the_proof(version: str) -> None:
    line = TABLES[version]
    found = list(read_table(HEAD + line + line.replace("lap.top-1", "proof")))
    assert found == [DoorKey(name="lap.top-1", requests=2, in_flight=1, received_bytes=320, sent_bytes=396)]


def test_a_table_of_a_door_that_an_older_version_made_counts_nothing() -> None:
    assert list(read_table(f"{HEAD}0x1: key=laptop use=0 exp=599319 conn_cur=0 http_req_rate(60000)=2\n")) == []
