#!/usr/bin/env python3
"""Asks authlink for a link by Alibaba Cloud's SDK. Needs `pip install alibabacloud-dypnsapi20170525`."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from alibabacloud_dypnsapi20170525.client import Client
from alibabacloud_dypnsapi20170525.models import GetAuthorizationUrlRequest
from alibabacloud_tea_openapi.models import Config

# With its scheme: an SDK without a host would call Alibaba Cloud itself.
ENDPOINT = urlsplit(os.environ["ENDPOINT"])


def client() -> Client:
    return Client(
        Config(
            access_key_id=os.environ["ACCESS_KEY_ID"],
            access_key_secret=Path(os.environ["ACCESS_KEY_SECRET_FILE"]).read_text(encoding="utf-8").strip(),
            endpoint=ENDPOINT.netloc,
            protocol=ENDPOINT.scheme.upper(),
            region_id="cn-hangzhou",
        )
    )


phone, scheme, *end_date = sys.argv[1:]
request = GetAuthorizationUrlRequest(phone_no=phone, scheme_id=int(scheme), end_date=next(iter(end_date), None))
body = client().get_authorization_url(request).body
print(f"RequestId {body.request_id}", file=sys.stderr)
print(body.data.authorization_url)
