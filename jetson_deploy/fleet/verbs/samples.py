"""`monitor --jsonl` of one device: its samples as they come, over one channel."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.tool import BRINGS_IT, watching_command
from jetson_deploy.monitor.sample_line import SampleLine

LINE_BYTES = 256 << 10
"""A sample of an Orin has about 12 KiB."""
SILENT_PERIODS = 10
LEAST_SILENCE = 30.0
"""A board that swaps takes seconds for a sample."""
_DECODER = msgspec.json.Decoder(SampleLine)


async def samples(connection: Connection, period: float) -> AsyncGenerator[SampleLine, None]:
    """Without end. Raises DeviceError `tool-missing` where no sample came, `no-sample` for what is none."""
    command = watching_command(connection.device, ("monitor", "--jsonl", "--period", f"{period:g}"))
    silence = max(LEAST_SILENCE, SILENT_PERIODS * period)
    some = False
    async with aclosing(connection.lines(command, root=True, silence=silence)) as lines:  # type: ignore[type-var]
        async for line in lines:
            yield read_sample(line)
            some = True
    if not some:
        raise DeviceError("the tool there gave no sample: it is missing or old", hint=BRINGS_IT, code="tool-missing")
    raise DeviceError("its monitor ended", hint="look at `monitor --once` there", code="monitor-ended")


def read_sample(line: bytes) -> SampleLine:
    if len(line) > LINE_BYTES:
        raise DeviceError(f"a sample of more than {LINE_BYTES >> 10} KiB", hint=BRINGS_IT, code="no-sample")
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DeviceError(f"what came is no sample: {error}", hint=BRINGS_IT, code="no-sample") from None
