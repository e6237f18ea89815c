"""Prove a server: each check has its own deadline, observation, expectation and hint; the first failure ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.deploy.run.answer_check import RUBBISH_HINT, known_answer, why_rubbish
from jetson_deploy.deploy.run.gpu_check import all_on_gpu, seen_where
from jetson_deploy.deploy.run.target import Target
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Verdict
from jetson_deploy.names import is_native
from jetson_deploy.server.answer_sense import LEAST_TOKENS, QUESTION, RUBBISH_ISSUE

if TYPE_CHECKING:
    from jetson_deploy.server.exchange import Generation, RunningModel

UP_SECONDS = 30.0
GENERATE_SECONDS = 900.0
"""Loading 40 GB from eMMC takes minutes; the server itself gives up after OLLAMA_LOAD_TIMEOUT (15 min)."""
PROOF_TOKENS = 32
QUICK_TOKENS = 2
"""Enough for a server that was proven before: it answers, and where it computes."""
JUDGED_TOKENS = 16
"""With fewer the time of single tokens, and of a first CUDA graph, decides."""
POLL_SECONDS = 0.05


class Failed(Exception):  # noqa: N818 - control flow inside this module, never leaves it
    def __init__(self, observed: str, hint: str, issue: str = "") -> None:
        super().__init__(observed)
        self.observed, self.hint, self.issue = observed, hint, issue


class Prover:
    """Asks the questions in order. `tokens` decides how much is generated: few for a server already proven."""

    def __init__(self, target: Target, tokens: int = PROOF_TOKENS, *, fresh: bool = True) -> None:
        """`fresh`: a new container, which must not have been restarted since."""
        self._target, self._tokens = target, tokens
        self._first_time = fresh and tokens >= PROOF_TOKENS
        self._generation: Generation | None = None
        self._running: RunningModel | None = None
        self._model_bytes = 0
        self._answered_at: float | None = None

    def prove(self, report: Callable[[Verdict], None]) -> Proof:
        """Every verdict, reported as it is reached."""
        verdicts = []
        for verdict in self._verdicts():
            report(verdict)
            verdicts.append(verdict)
        rate = self._rate()
        share = self._running.gpu_share if self._running else None
        return Proof(verdicts=tuple(verdicts), tokens_per_second=rate, gpu_share=share, answered_at=self._answered_at)

    def _rate(self) -> float | None:
        """Decoding speed, where enough tokens came to tell."""
        generation = self._generation
        return generation.tokens_per_second if generation and generation.tokens >= JUDGED_TOKENS else None

    def _verdicts(self) -> Iterator[Verdict]:
        for name, expected, check in self._checks():
            started = self._target.clock()
            verdict = self._ask(check, name, expected)
            yield msgspec.structs.replace(verdict, seconds=round(self._target.clock() - started, 2))
            if verdict.passed is False:
                return

    def _ask(self, check: Callable[[], tuple[bool | None, str]], name: str, expected: str) -> Verdict:
        try:
            passed, observed = check()
        except Failed as failed:
            return Verdict(
                check=name,
                passed=False,
                observed=failed.observed,
                expected=expected,
                hint=failed.hint,
                issue=failed.issue or msgspec.UNSET,
            )
        except JetsonDeployError as error:
            return Verdict(check=name, passed=False, observed=error.message, expected=expected, hint=error.hint)
        return Verdict(check=name, passed=passed, observed=observed, expected=expected)

    def _checks(self) -> list[tuple[str, str, Callable[[], tuple[bool | None, str]]]]:
        target, gates = self._target, self._target.gates
        share = "CPU accepted" if gates.accept_cpu else f"at least {gates.min_gpu_share:.0%} on the GPU, all layers"
        floor = gates.floor_tokens_per_second
        return [
            ("container", "running, never restarted" if self._first_time else "running", self._container_is_up),
            ("port", f"{local_endpoint(target.port).address} answered by our server", self._port_is_ours),
            ("version", gates.expect_version or "any (not on record)", self._version_is_expected),
            ("model", f"{target.model} listed{_with_digest(gates.expect_manifest_digest)}", self._model_is_listed),
            ("generate", "real tokens", self._generates),
            ("gpu", share, self._gpu_is_used),
            ("speed", f"at least {floor:g} tok/s" if floor else "no prediction", self._fast_enough),
        ]

    def _container_is_up(self) -> tuple[bool | None, str]:
        deadline = self._target.clock() + UP_SECONDS
        while True:
            state = self._target.inspect()
            restarted = f"restarted {state.restart_count} times"
            if state.state in ("exited", "dead", "restarting") or (self._first_time and state.restart_count):
                raise Failed(
                    f"{state.state}, exit code {state.exit_code}, {restarted}",
                    "the server's log names the cause: jetson-deploy logs",
                )
            if state.state == "running" and self._target.client.alive():
                return (None, f"running, answers, {restarted}") if state.restart_count else (True, "running, answers")
            if self._target.clock() > deadline:
                raise Failed(f"{state.state}, no answer within {UP_SECONDS:g} s", "see its log: jetson-deploy logs")
            self._target.sleep(POLL_SECONDS)

    def _port_is_ours(self) -> tuple[bool | None, str]:
        port, state = self._target.listener(), self._target.inspect()
        if port.container_id == state.id:
            return True, "our server listens"
        if port.listening is False:
            raise Failed("nothing listens on this machine's loopback", "is DOCKER_HOST the engine of another machine?")
        if port.pid is None:
            return None, "listener cannot be read without root"
        raise Failed(
            f"{port.process or 'a process'} (pid {port.pid}) of another container or the host listens",
            "stop the other server, or choose another port with --port",
        )

    def _version_is_expected(self) -> tuple[bool | None, str]:
        version, expected = self._target.client.version(), self._target.gates.expect_version
        if version is None:
            return None, "unknown: the server was built without its version"
        if expected is None:
            return None, version
        if version != expected:
            raise Failed(
                f"{self._target.client.title} {version}",
                "the image does not match the catalog, or another server answers",
            )
        return True, version

    def _model_is_listed(self) -> tuple[bool | None, str]:
        listed = {m.name: m for m in self._target.client.models()}
        model = listed.get(self._target.model)
        if model is None:
            raise Failed(f"not among {sorted(listed) or 'no models'}", "is the store mounted? jetson-deploy logs")
        digest, self._model_bytes = model.digest, model.size
        if digest is None:
            return None, "listed; this server does not tell the digests of manifests"
        if self._target.gates.expect_manifest_digest not in (None, digest):
            raise Failed(f"listed with digest {digest[:12]}", "the store holds another revision of this tag")
        return True, f"listed, digest {digest[:12]}"

    def _generates(self) -> tuple[bool, str]:
        if self._tokens > QUICK_TOKENS:
            # Loads the model; whoever waits for the server gets the next turn, before the measuring.
            self._some_tokens(1)
        self._generation = generation = self._some_tokens(self._tokens)
        rate = self._rate()
        observed = f"{generation.tokens} tokens" + (f" at {rate:.1f} tok/s" if rate else "")
        if generation.tokens < LEAST_TOKENS:
            return True, f"{observed}, too few to read an answer"
        if wrong := why_rubbish(generation):
            raise Failed(f"{observed}, {wrong}", RUBBISH_HINT, RUBBISH_ISSUE)
        if self._tokens >= PROOF_TOKENS:
            observed += known_answer(self._target.client, self._target.model, self._model_bytes)
        return True, observed

    def _some_tokens(self, count: int) -> Generation:
        generation = self._target.client.generate(
            self._target.model, QUESTION, max_tokens=count, timeout=GENERATE_SECONDS
        )
        if generation.tokens < 1:
            raise Failed("no token came", "the model file may be damaged: remove it from the store and run up again")
        self._answered_at = self._answered_at or self._target.clock()
        return generation

    def _gpu_is_used(self) -> tuple[bool | None, str]:
        running = {m.name: m for m in self._target.client.running()}
        self._running = running.get(self._target.model)
        if self._running is None:
            raise Failed("the model is not loaded after a generate", "the server unloads it: check its memory")
        log, gates, share = self._target.log(), self._target.gates, self._running.gpu_share
        observed = seen_where(share, log)
        if all_on_gpu(log) is not False and (share is None or share >= gates.min_gpu_share):
            # Up to 0.12 the share is an estimate; without the names of the buffers the speed has to tell.
            if log.computes_on == "gpu" or (share is not None and not self._first_time):
                return True, observed
            if share is not None or not self._first_time:
                return None, f"{observed}; the log does not show weights and KV cache in a buffer of the GPU"
        if gates.accept_cpu:
            return None, f"{observed}; accepted with --accept-cpu"
        natively = is_native(self._target.inspect().image)
        look = (
            "its libraries for CUDA (lib/ollama beside bin)"
            if natively
            else "the nvidia runtime and the image's GPU code"
        )
        raise Failed(observed, f"the server runs on the CPU: check {look}, or accept it with --accept-cpu")

    def _fast_enough(self) -> tuple[bool | None, str]:
        rate = self._rate()
        floor, predicted = self._target.gates.floor_tokens_per_second, self._target.predicted
        if rate is None:
            return None, "too few tokens to tell"
        if self._target.gates.accept_cpu or floor is None:
            return None, f"{rate:.1f} tok/s, not judged"
        if rate < floor:
            raise Failed(
                f"{rate:.1f} tok/s",
                "far below the limit of the memory bandwidth: the GPU is most likely not used",
            )
        if predicted is not None and rate < predicted.low:
            return None, f"{rate:.1f} tok/s, below the predicted {predicted.low:g} to {predicted.high:g}"
        return True, f"{rate:.1f} tok/s"


def _with_digest(digest: str | None) -> str:
    return f" with digest {digest[:12]}" if digest else ""
