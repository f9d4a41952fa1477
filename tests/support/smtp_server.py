"""A real SMTP server for tests (aiosmtpd). Each mail that it takes, decoded by Python's own mail parser, becomes a file
of JSON in the folder. Recipients gone@… are refused for good, later@… for now; mails with "X-Refuse: CODE" in their
header get that code instead of being taken.

smtp_server.py PORT FOLDER plain|starttls|implicit [CERT KEY [USER PASSWORD]]
"""
import asyncio
import email
import email.policy
import hmac
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

port, folder, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3]
tls = None
if mode != "plain":
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(sys.argv[4], sys.argv[5])
user = sys.argv[6:8]


class Handler:
    def __init__(self):
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later@"):
            return "451 4.2.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def auth_CRAM__MD5(self, server, args):
        challenge = b"<1.2@mail.test>"
        answer = await server.challenge_auth(challenge)
        digest = hmac.new(user[1].encode(), challenge, "md5").hexdigest()
        if answer != f"{user[0]} {digest}".encode():
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=b"CRAM-MD5 " + user[0].encode())

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        if mail["X-Refuse"]:
            return mail["X-Refuse"] + " refused as asked for"
        self.count += 1
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "hello": session.host_name,
            "tls": session.ssl is not None or mode == "implicit",
            "user": (session.auth_data or b"").decode(),
            "headers": {name: str(value) for name, value in mail.items()},
            "type": mail.get_content_type(),
            "parts": [[part.get_content_type(), part.get_content().replace("\r\n", "\n")] for part in mail.iter_parts()],
        }
        path = os.path.join(folder, f"{self.count}.json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(told, file)
        os.rename(path + ".new", path)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    given = [data.login.decode(), data.password.decode()]
    if given != user:
        return AuthResult(success=False, handled=False)
    return AuthResult(success=True, auth_data=mechanism.encode() + b" " + data.login)


async def main():
    handler = Handler()
    options = {}
    if mode == "starttls":
        options = {"tls_context": tls, "require_starttls": True}
    if user:
        options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": mode == "starttls"}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="mail.test", loop=loop, **options),
        "127.0.0.1", port, ssl=tls if mode == "implicit" else None)
    await server.serve_forever()


asyncio.run(main())
