"""Command and settings of a llama-server's container. Every value that is not obvious names its reason.

Recorded from b10434 and b11434: both take every flag here.
"""

from __future__ import annotations

from jetson_deploy.errors import InternalError
from jetson_deploy.server.llama_cpp.batch import batch_tokens
from jetson_deploy.server.llama_cpp.parameters import flags
from jetson_deploy.server.llama_cpp.templates import KNOWN
from jetson_deploy.server.workload import Setup, Workload
from jetson_deploy.server_kinds import NO_SPECULATION
from jetson_deploy.spec import HealthCheck, MountSpec

STORE = "/models"
HOME = "/home/llama"
CACHE = "LLAMA_ARG_CACHE_RAM"
CHECKPOINTS = "LLAMA_ARG_CTX_CHECKPOINTS"
ORIGINS = "LLAMA_ARG_CORS_ORIGINS"
BOUNDS = (CACHE, CHECKPOINTS)
SPECULATION = "LLAMA_ARG_SPEC_TYPE"
SPECULATIONS = {"ngram": "ngram-mod"}
"""As an option says it → as the server calls it. Its table takes 16 MiB, and no second model."""
SLOT_TOKENS = 256
"""The context of a slot is rounded up to a multiple of it, and its KV cache with it."""
_BYTES_PER_CHECKPOINT = 16 << 20
_MOST_CHECKPOINTS = 32
"""Its own default."""
_PING_SECONDS = 5
"""A stop waits for the next ping to a client that streams: 30 s unless it is said."""


def set_up(work: Workload) -> Setup:
    return Setup(
        entrypoint=("llama-server",),
        command=_command(work),
        home=HOME,
        environment=_environment(work),
        mounts=mounts(work.store),
        health=HealthCheck(
            command=("bash", "-c", _health(work)),
            interval_seconds=60,
            timeout_seconds=20,
            start_period_seconds=120,
            retries=3,
        ),
    )


def mounts(store: str) -> tuple[MountSpec, ...]:
    """The blobs alone: a blob is named by its digest, so that no tag can move what serves."""
    return (MountSpec(source=f"{store}/blobs", target=STORE, read_only=True),)


def slot_tokens(context: int) -> int:
    return -(-context // SLOT_TOKENS) * SLOT_TOKENS


def _command(work: Workload) -> tuple[str, ...]:
    if work.weights is None or work.template not in KNOWN:
        raise InternalError("a llama-server is set up without a file to serve", hint="report it", code="bug")
    batch = str(batch_tokens(work.prefill_tokens_per_second))
    return (
        *("--model", f"{STORE}/{work.weights.replace(':', '-')}"),
        # Without a name of its own its models list the path of the file.
        *("--alias", work.model),
        *("--host", work.endpoint.host, "--port", str(work.endpoint.port)),
        # Unset, both follow the model: four slots with one cache of the trained length.
        *("--ctx-size", str(slot_tokens(work.context_tokens) * work.parallel), "--parallel", str(work.parallel)),
        # With one cache for all, every client fails when it is full.
        "--no-kv-unified",
        *("--cache-type-k", work.kv_cache_type, "--cache-type-v", work.kv_cache_type),
        *("--flash-attn", "on" if work.kv_cache_type != "f16" else "auto"),
        *("--n-gpu-layers", "all"),
        # It would shrink what the plan has reckoned, by a memory that is not the board's free one.
        *("--fit", "off"),
        # A client who leaves holds up the next one until the batch ends.
        *("--batch-size", batch, "--ubatch-size", batch),
        # A manifest's template is Go's, which it cannot read: the one that renders the same.
        *("--jinja", "--chat-template", KNOWN[work.template]),
        *flags(work.parameters),
        *("--metrics", "--slots"),
        *("--sse-ping-interval", str(_PING_SECONDS)),
        *("--offline", "--no-webui"),
        # Below it the log says nothing of buffers.
        *("--log-verbosity", "4", "--no-log-prefix", "--no-log-timestamps"),
    )


def _environment(work: Workload) -> dict[str, str]:
    """What follows the free memory or the proof stands here: in the command it would make another deployment each time.

    A build that does not know a variable ignores it; one that does not know a flag does not start.
    """
    checkpoints = min(_MOST_CHECKPOINTS, work.prompt_cache_bytes // _BYTES_PER_CHECKPOINT)
    return {
        CACHE: str(work.prompt_cache_bytes >> 20),
        CHECKPOINTS: str(checkpoints),
        # Without a key it lets the pages of any site read its answers, in a browser on this machine or behind a tunnel.
        ORIGINS: "localhost",
        **_speculation(work),
    }


def _speculation(work: Workload) -> dict[str, str]:
    """Nothing where it was not asked for: then the container is the one of a version without the option."""
    if work.speculation == NO_SPECULATION:
        return {}
    return {SPECULATION: SPECULATIONS[work.speculation] if work.speculating else "none"}


def _health(work: Workload) -> str:
    """By bash alone: which other programs an image has is not known."""
    opened = f"exec 3<>/dev/tcp/{work.endpoint.host}/{work.endpoint.port}"
    asked = r"printf 'GET /health HTTP/1.0\r\n\r\n' >&3"
    return f"{opened} && {asked} && read -r line <&3 && [[ $line == *' 200 '* ]]"
