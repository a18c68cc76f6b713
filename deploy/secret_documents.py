"""The documents in AWS Secrets Manager (docs/configuration.md, "Documents"). What exists is never changed here."""

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

import boto3

from keys import Folder, new_private_key, public_half, same_public_key
from problem import Problem


@dataclass(frozen=True)
class Business:
    """A business as its document says it."""

    id: str
    merchant_id: str
    callback_url: str | None
    public_key: str | None
    md5_key: str | None

    def document(self, public_key: str) -> dict:
        document: dict = {"publicKeys": [public_key], "merchantIds": [self.merchant_id]}
        if self.md5_key:
            document["md5Keys"] = [self.md5_key]
        if self.callback_url:
            document["defaultCallbackUrl"] = self.callback_url
        return document


@dataclass(frozen=True)
class Account:
    """A caller of GetAuthorizationUrl, with one access key and one scheme."""

    id: str
    access_key_id: str | None
    access_key_secret: str | None
    scheme_id: int
    merchant_name: str
    callback_url: str | None
    contract: bool

    def scheme(self) -> dict:
        document: dict = {"accountId": self.id, "merchantName": self.merchant_name, "contract": self.contract}
        if self.callback_url:
            document["callbackUrl"] = self.callback_url
        return document


@dataclass(frozen=True)
class AccessKey:
    """What an account signs with."""

    id: str
    secret: str

    @staticmethod
    def new(key_id: str | None) -> "AccessKey":
        # No look-alikes of Alibaba Cloud's own, which begin with LTAI.
        return AccessKey(key_id or f"AL{secrets.token_hex(10).upper()}", secrets.token_hex(20))


class Secrets:
    """The secrets of one deployment, below its prefix."""

    def __init__(self, session: boto3.Session, prefix: str, folder: Folder, key: str) -> None:
        """`key` encrypts what is made; empty for AWS's own."""
        self.client = session.client("secretsmanager")
        self.prefix = prefix
        self.folder = folder
        self.encryption = {"KmsKeyId": key} if key else {}

    def make_callback_key(self, given: str | None) -> None:
        """The key that signs callbacks exists in Secrets Manager alone; its public half is a file."""
        if not self.kept("callback-key"):
            self.make("callback-key", {"privateKey": given or new_private_key()})
        if not self.folder.callback_public_key.exists():
            self.folder.publish(self.folder.callback_public_key, self.document("callback-key")["privateKey"])

    def make_alipay_app(self, app_id: str, given: str | None, alipay_public_key: str | None) -> bool:
        """Whether the app can work. Without Alipay's public key its own key waits under a name that no function reads,
        and not in a folder, which a runner of CI takes with it."""
        name, file, public = f"alipay-app/{app_id}", self.folder.app_key(app_id), self.folder.app_public_key(app_id)
        if self.kept(name):
            if not public.exists():
                self.folder.publish(public, self.document(name)["privateKey"])
            return True
        waiting = f"alipay-app-waiting/{app_id}"
        private_key, waits = self.app_key(given, waiting, file)
        self.folder.publish(public, private_key)
        if alipay_public_key is None:
            if given is None and not waits:
                self.make(waiting, {"privateKey": private_key})
            print(f"waits  {self.prefix}/{name}: Alipay's public key is not known yet")
            return False
        if same_public_key(alipay_public_key, public_half(private_key)):
            raise Problem(f"{name}: this public key is our own; Alipay's console shows Alipay's beside it")
        self.make(name, {"privateKey": private_key, "alipayPublicKeys": [alipay_public_key]})
        if waits:
            # The same key has its place now. A window of days would let nobody wait under this name again.
            self.client.delete_secret(SecretId=f"{self.prefix}/{waiting}", ForceDeleteWithoutRecovery=True)
        if given is None and file.exists():
            file.unlink()
        return True

    def app_key(self, given: str | None, waiting: str, file: Path) -> tuple[str, bool]:
        """The app's private key, and whether it waits in Secrets Manager: given, waiting, in a file, or a new one."""
        waits = self.kept(waiting)
        if given is not None:
            return given, waits
        if waits:
            return self.document(waiting)["privateKey"], True
        return (file.read_text(encoding="utf-8") if file.exists() else new_private_key()), False

    def make_business(self, business: Business) -> None:
        """Without a public key of its own it gets a pair, whose private half goes to the folder for it."""
        name = f"business/{business.id}"
        if self.kept(name):
            return
        public_key = business.public_key
        if public_key is None:
            file = self.folder.business_key(business.id)
            public_key = public_half(self.folder.kept_or_new(file))
            print(f"       {file} is the business's private key: hand it over safely")
        elif same_public_key(public_key, self.folder.callback_public_key.read_text(encoding="utf-8")):
            raise Problem(f"{name}: this public key is our own, of callback-key: ask the business for its key")
        self.make(name, business.document(public_key))

    def make_link_token(self) -> None:
        """The key of the links of GetAuthorizationUrl."""
        if not self.kept("link-token"):
            self.make("link-token", {"keys": [secrets.token_hex(32)]})

    def make_phone_key(self) -> None:
        """The key that phone numbers are hashed with."""
        if not self.kept("phone-key"):
            self.make("phone-key", {"key": secrets.token_hex(32)})

    def make_account(self, account: Account) -> AccessKey | None:
        """The account's access key, if its secret is known here: it was given, or is new and printed this once.

        The account comes last: where it is, everything was made, and an access key that nobody named is not made again.
        """
        if not self.kept(f"scheme/{account.scheme_id}"):
            self.make(f"scheme/{account.scheme_id}", account.scheme())
        known = self.kept(f"account/{account.id}")
        key = self.access_key(account, known)
        if not known:
            self.make(f"account/{account.id}", {})
        return key

    def access_key(self, account: Account, known: bool) -> AccessKey | None:
        if account.access_key_id is None and known:
            print("       it has its access keys; another is made by --access-key-id")
            return None
        given = account.access_key_secret
        key = AccessKey(account.access_key_id, given) if given else AccessKey.new(account.access_key_id)
        if self.kept(f"access-key/{key.id}"):
            return key if given else None
        document = {"secrets": [key.secret], "accountId": account.id, "permissions": ["dypns:GetAuthorizationUrl"]}
        self.make(f"access-key/{key.id}", document)
        if given is None:
            self.hand_out(key)
        return key

    def hand_out(self, key: AccessKey) -> None:
        """To a terminal, this once; else to a file that its owner alone may read, for output is kept by others."""
        print(f"       AccessKeyId     {key.id}")
        if sys.stdout.isatty():
            print(f"       AccessKeySecret {key.secret}")
            print("       shown this once: hand it over safely")
            return
        file = self.folder.access_key_secret(key.id)
        self.folder.write(file, f"{key.secret}\n")
        print(f"       its AccessKeySecret is in {file}: hand it over safely, and delete it")

    def kept(self, name: str) -> bool:
        try:
            description = self.client.describe_secret(SecretId=f"{self.prefix}/{name}")
        except self.client.exceptions.ResourceNotFoundException:
            return False
        if "DeletedDate" in description:
            raise Problem(f"{self.prefix}/{name} is marked for deletion: --restore-secrets keeps it")
        print(f"kept   {self.prefix}/{name}")
        return True

    def make(self, name: str, document: dict) -> None:
        self.client.create_secret(
            Name=f"{self.prefix}/{name}", SecretString=json.dumps(document), **self.encryption
        )
        print(f"made   {self.prefix}/{name}")

    def document(self, name: str) -> dict:
        return json.loads(self.client.get_secret_value(SecretId=f"{self.prefix}/{name}")["SecretString"])
