"""A store of JSON secrets for the program: AWS's extension, what leads to it, and secrets that are hard to spell."""

from __future__ import annotations

import os
import subprocess

from tests.program import KEY, PROGRAM, SECRET
from tests.servers.extension import ExtensionServer

# What occurs in secrets and has a meaning for some shell, parser or runner.
NASTY = {
    "quotes": "it's \"so\" '' \"\" '\\'' \\\"",
    "dollar": "$HOME ${HOME} $(echo no) `echo no` $$ $'x'",
    "backslash": "\\ \\n \\\\ \\",
    "newlines": "first\nsecond\n\n  third\nEOF\n",
    "returns": "a\rb\r\nc\r",
    "blanks": "  \t around \t ",
    "comment": "a # b #c",
    "bang": "!! !x ^a^b^",
    "equals": "=a=b=",
    "glob": "* ? [a] ~ {a,b}",
    "operators": "; & | < > ( ) && ||",
    "empty": "",
    "percent": "%0A %25 %% 100%",
    "commands": "::set-output name=x::y\n::stop-commands::z",
    "delimiter": "x<<EOF\nEOF",
    "letters": "Safaricom \u00e9 \u4e2d \U0001f600 \u0085 \u2028 \x7f \x01 \x1b[31m",
    "breaks": "a\x0bb\x0cc\x08\x07",
    "dash": "-n",
}
PAIR = {"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET}
EXPECTED = {**PAIR, **{f"MPESA_{name.upper()}": value for name, value in NASTY.items()}}


def reading(port: str) -> dict[str, str]:
    """The variables that lead to the secret `mpesa` in an extension on that port."""
    return {
        "MPESA_SECRETS_URL": "aws://mpesa?via=extension",
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port,
        "AWS_TOKEN": "token-of-the-agent",
    }


def leading_to(extension: ExtensionServer) -> dict[str, str]:
    """The environment of a caller."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "LC_ALL": "C.UTF-8",
        **reading(extension.port),
    }


def printed(extension: ExtensionServer, form: str, *arguments: str, **more: str) -> bytes:
    """What a run with everything prints, byte for byte."""
    command = [*PROGRAM, "export", "--format", form, "--all", *arguments]
    done = subprocess.run(command, env={**leading_to(extension), **more}, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout
