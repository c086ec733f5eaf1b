# A mail server for tests: says its port, then one JSON line for each mail that it takes.
#
# usage: mail_server.py starttls|implicit|plain DIRECTORY
# The directory has cert.pem and key.pem, unless it is plain. Ends when its standard input does.

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = b"monitor", b"smtp-s3cret"
mode, directory = sys.argv[1:3]
last = {}


def authenticate(server, session, envelope, mechanism, data):
    if (data.login, data.password) != (USER, PASSWORD):
        return AuthResult(success=False, handled=False)
    last.update(user=data.login.decode(), mechanism=mechanism)
    return AuthResult(success=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later"):
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [part.get_content() for part in message.walk() if not part.is_multipart()]
        mail = {
            "tls": session.ssl is not None,
            "user": last.get("user"),
            "mechanism": last.get("mechanism"),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name: str(value) for name, value in message.items()},
            "parts": parts,
        }
        print(json.dumps(mail), flush=True)
        return "250 OK"


def make(context):
    options = {"hostname": "mail.example"}
    if mode == "starttls":
        options.update(tls_context=context, require_starttls=True, auth_required=True)
    if mode == "implicit":
        options.update(auth_required=True, auth_require_tls=False, auth_exclude_mechanism=["PLAIN"])
    if mode != "plain":
        options.update(authenticator=authenticate)
    return lambda: SMTP(Handler(), **options)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if mode != "plain":
        context.load_cert_chain(f"{directory}/cert.pem", f"{directory}/key.pem")
    loop = asyncio.get_running_loop()
    implicit = context if mode == "implicit" else None
    server = await loop.create_server(make(context), "127.0.0.1", 0, ssl=implicit)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
