"""Errors of a registry: an HTTP refusal or a cut connection becomes a retry or an error for the user."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeAlias
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from jetson_deploy.errors import IntegrityError, JetsonDeployError, NetworkError
from jetson_deploy.names import Named

_REACH = "check the network, JETSON_DEPLOY_REGISTRY and the proxy variables"
_WORTH_A_RETRY = (408, 425, 429, 500, 502, 503, 504)

Missing: TypeAlias = Callable[[Named, str], NetworkError]
"""The error for a 404: what is missing at which registry."""


class PassingError(Exception):
    """A retry may succeed. `error` is raised when the last retry fails.

    `retry_after`: seconds that the registry asked to wait (RFC 9110, 10.2.3); None: no header.
    """

    def __init__(self, error: NetworkError, retry_after: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.retry_after = retry_after


class WrongContent(Exception):  # noqa: N818 - not an error yet: the next try may succeed
    """The bytes do not match the digest; a retry may succeed."""


def corrupt(name: Named, what: str, registry: str, tries: int, why: str) -> IntegrityError:
    return IntegrityError(
        f"{what} of {name.short} from {registry}: digest mismatch after {tries} attempts: {why}",
        hint="nothing of it was kept; if the error persists, the registry, a mirror or a proxy is at fault",
        code="blob-corrupt" if what.startswith("blob") else "manifest-corrupt",
    )


def no_such_model(name: Named, registry: str) -> NetworkError:
    return NetworkError(
        f"{registry} has no model {name.short}",
        hint="check the name and the tag; names look like deepseek-r1:7b",
        code="model-not-found-in-registry",
    )


def no_such_blob(name: Named, registry: str) -> NetworkError:
    return NetworkError(
        f"{registry} lists a blob of {name.short} that it does not have",
        hint="the registry's copy is incomplete: use another one with JETSON_DEPLOY_REGISTRY",
        code="blob-not-found-in-registry",
    )


def refusal(
    name: Named, registry: str, response: requests.Response, redirected: bool, missing: Missing
) -> PassingError | JetsonDeployError:
    """The exception for an HTTP status that is not the wanted one."""
    status = response.status_code
    if status == 404:
        return missing(name, registry)
    if status == 412:
        return NetworkError(
            f"{registry} serves {name.short} only to newer clients (HTTP 412)",
            hint="update jetson-deploy, or choose another tag of the model",
            code="model-needs-newer-client",
        )
    error = NetworkError(
        f"{registry} refuses {name.short} (HTTP {status})",
        hint=_REACH if status >= 500 else "check the name; the registry may want a login or limit requests",
        code="registry-unreachable" if status >= 500 else "registry-refused",
    )
    # Behind a redirect: a signed address that has expired; the registry gives a fresh one.
    again = status in _WORTH_A_RETRY or (redirected and status in (400, 401, 403, 410))
    return PassingError(error, _seconds(response.headers.get("Retry-After"))) if again else error


def _seconds(text: str | None) -> float | None:
    """Of a Retry-After header, which is a number of seconds or a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text.strip()[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    except (ValueError, TypeError):
        return None


def of_exception(registry: str, error: Exception, stall_seconds: float) -> PassingError | JetsonDeployError:
    """The exception for what the HTTP library raised."""
    if isinstance(error, requests.exceptions.SSLError):
        return NetworkError(
            f"the TLS of {registry} cannot be trusted: {_cause(error)}",
            hint="check the host's clock (timedatectl) and certificates (ca-certificates)",
            code="registry-untrusted",
        )
    if isinstance(error, (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError)):
        return PassingError(stalled(registry, stall_seconds))
    # Not errors of the way there: a redirect to ftp://, to nowhere, or in circles.
    if isinstance(error, (requests.TooManyRedirects, ValueError)):
        return NetworkError(
            f"{registry} redirects to an address that cannot be used: {_cause(error)}",
            hint="a captive portal or a proxy may be in the way; check with: curl -vI " + registry,
            code="registry-redirect",
        )
    if isinstance(error, requests.ConnectionError):
        return PassingError(_unreachable(registry, error))
    return PassingError(
        NetworkError(
            f"the connection to {registry} was cut: {_cause(error)}",
            hint="run the same command again to resume; downloaded data is kept",
            code="fetch-interrupted",
        )
    )


def stalled(registry: str, seconds: float) -> NetworkError:
    return NetworkError(
        f"transfer from {registry} stalled for {seconds:g} s",
        hint=f"{_REACH}; JETSON_DEPLOY_STALL_SECONDS sets the patience",
        code="registry-stalled",
    )


def _unreachable(registry: str, error: requests.RequestException) -> NetworkError:
    via = " through the proxy" if isinstance(error, requests.exceptions.ProxyError) else ""
    return NetworkError(
        f"cannot reach {_host_and_port(registry, error)}{via}: {_cause(error)}",
        hint=_REACH,
        code="registry-unreachable",
    )


def _host_and_port(registry: str, error: requests.RequestException) -> str:
    """Of the request that failed: after a redirect that is another host."""
    parts = urlsplit(getattr(error.request, "url", None) or registry)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _cause(error: Exception) -> str:
    """The innermost reason in a line: urllib3 wraps it in its own objects' names."""
    inner: BaseException = error
    while (deeper := getattr(inner, "reason", None) or _wrapped(inner)) is not None:
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    if isinstance(inner, urllib3.exceptions.NewConnectionError) and isinstance(inner.__cause__, OSError):
        inner = inner.__cause__
    text = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return " ".join(text.split())[:200] or type(inner).__name__


def _wrapped(error: BaseException) -> BaseException | None:
    first = error.args[0] if error.args else None
    return first if isinstance(first, BaseException) else None
