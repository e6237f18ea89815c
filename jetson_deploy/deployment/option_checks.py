"""Checks of texts in the deployment file beyond their types. Each raises UsageError."""

from __future__ import annotations

from jetson_deploy.errors import UsageError

POLICIES = ("dustynv", "secure")


def deployment_name(text: str) -> None:
    from jetson_deploy.names import check_deployment_name

    check_deployment_name(text)


def model_name(text: str) -> None:
    from jetson_deploy.names import parse_model_name

    parse_model_name(text, default_family="deepseek-r1")


def registry_address(text: str) -> None:
    from jetson_deploy.names import check_registry_address

    check_registry_address(text)


def image_policy(text: str) -> None:
    from jetson_deploy.names import check_image_reference

    if text not in POLICIES:
        check_image_reference(text)


def absolute_path(text: str) -> None:
    from jetson_deploy.names import shown

    if not (text.startswith("/") and text.isprintable()):
        hint = "write it from / on: /mnt/nvme/models"
        raise UsageError(f"{shown(text)} is no absolute path", hint=hint, code="deployment-file-bad-value")


def archive(text: str) -> None:
    from jetson_deploy.runtime.systemd.archive_address import is_address, parse_archive_address

    if is_address(text):
        parse_archive_address(text)
    else:
        absolute_path(text)


def loopback(text: str) -> None:
    from jetson_deploy.names import shown

    if text != "loopback":
        raise UsageError(
            f"{shown(text)} is not built: the endpoint listens on this machine's loopback alone",
            hint="write expose: loopback; from elsewhere: ssh -L 11434:127.0.0.1:11434 BOARD",
            code="deployment-file-not-built",
        )
