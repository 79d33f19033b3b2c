"""What a secret looks like and what stands in its place: tables, no code that runs on a request.

Rules that the rest of the room relies on:

1. A constant is made of letters and hyphens only, so JSON, SSE, forms, URLs and regular expressions carry it unchanged.
2. A constant has no digit, and every shape below that a constant could be mistaken for asks for one: redacted twice is
   redacted once.
3. A shape starts at the start of a run of token characters (or behind a slash in it) and is at least `RUN` characters.
   That is what makes looking for thirty shapes in 200 kB affordable.
"""

from __future__ import annotations

import re

PREFIX = "REDACTED-"
RUN = 20


def constant(kind: str) -> str:
    """What stands where a secret of this kind stood."""
    return PREFIX + kind


_BEHIND_AWS = r"(?:(?<=X-Amz-Signature=)|(?<=X-Amz-Credential=)|(?<=X-Amz-Security-Token=))"
_BEHIND_BEARER = r"(?:(?<=[Bb]earer )|(?<=BEARER )|(?<=[Bb]earer%20))"

# The longer prefix comes first: `sk-ant-` and `sk-or-` are `sk-` too.
SHAPES: tuple[tuple[str, str], ...] = (
    ("anthropic-key", r"sk-ant-[A-Za-z0-9_-]{16,}"),
    ("openrouter-key", r"sk-or-[A-Za-z0-9_-]{16,}"),
    ("openai-key", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{16,}"),
    ("openai-key", r"sk-[A-Za-z0-9]{20,}|sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}|sess-[A-Za-z0-9]{24,}"),
    ("openai-organization", r"org-(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}"),
    ("openai-project", r"proj_(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}"),
    ("google-key", r"AIza[A-Za-z0-9_-]{30,}"),
    ("google-token", r"(?<=ya29\.)(?!REDACTED-)[A-Za-z0-9_-]{20,}"),
    ("google-client-secret", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    ("google-token", r"1//0[A-Za-z0-9_-]{30,}"),
    ("aws-key-id", r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("github-token", r"gh[opsru]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}"),
    ("aws-bedrock-key", r"ABSK[A-Za-z0-9+/]{40,}={0,2}|bedrock-api-key-[A-Za-z0-9+/_-]{40,}={0,2}"),
    ("aws-session-token", r"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[A-Za-z0-9+/]{40,}={0,2}"),
    ("gitlab-token", r"gl(?:pat|rt|dt|cbt|ptt|ft|soat|agent|imt)-[A-Za-z0-9_-]{20,}"),
    ("huggingface-token", r"hf_[A-Za-z0-9]{30,}"),
    ("slack-token", r"(?:xox[a-z]|xapp)-(?=[A-Za-z-]*[0-9])[A-Za-z0-9-]{15,}"),
    ("stripe-key", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/]{24,}"),
    ("npm-token", r"npm_[A-Za-z0-9]{36}"),
    ("pypi-token", r"pypi-[A-Za-z0-9_-]{40,}"),
    ("groq-key", r"gsk_[A-Za-z0-9]{20,}"),
    ("xai-key", r"xai-[A-Za-z0-9]{20,}"),
    ("replicate-token", r"r8_[A-Za-z0-9]{30,}"),
    ("perplexity-key", r"pplx-[A-Za-z0-9]{30,}"),
    ("nvidia-key", r"nvapi-[A-Za-z0-9_-]{40,}"),
    ("langsmith-key", r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{30,}"),
    ("twilio-key", r"(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("sendgrid-key", r"(?<=SG\.)(?!REDACTED-)[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}"),
    ("cerebras-key", r"csk-[A-Za-z0-9]{30,}"),
    ("databricks-token", r"dapi[0-9a-f]{32}(?:-[0-9])?(?![A-Za-z0-9])"),
    ("digitalocean-token", r"do[opr]_v1_[0-9a-f]{40,}"),
    ("docker-token", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    ("elevenlabs-key", r"sk_[0-9a-f]{40,}"),
    ("figma-token", r"figd_[A-Za-z0-9_-]{30,}"),
    ("grafana-token", r"gl(?:sa|c)_[A-Za-z0-9+/=_]{30,}"),
    ("jina-key", r"jina_[A-Za-z0-9_-]{40,}"),
    ("linear-key", r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}"),
    ("langfuse-key", r"pk-lf-[0-9a-f-]{30,}"),
    ("mailgun-key", r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("newrelic-key", r"NRAK-[A-Z0-9]{20,}"),
    ("notion-token", r"(?:ntn|secret)_(?=[A-Za-z]*[0-9])[A-Za-z0-9]{40,}"),
    ("pinecone-key", r"pcsk_[A-Za-z0-9_]{40,}"),
    ("postman-key", r"PMAK-[0-9a-f]{20,}-[0-9a-f]{30,}"),
    ("rubygems-key", r"rubygems_[0-9a-f]{40,}"),
    ("sentry-token", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    ("shopify-token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    ("supabase-token", r"sb[ps]_[0-9a-f]{40,}|sb_(?:secret|publishable)_[A-Za-z0-9_-]{20,}"),
    ("telegram-token", r"(?<=[0-9]:)AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
    ("vault-token", r"(?<=hv[sb]\.)(?!REDACTED-)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{24,}"),
    ("voyage-key", r"pa-(?=[A-Za-z_-]*[0-9])(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{40,}"),
    ("tavily-key", r"tvly-(?=[A-Za-z-]*[0-9])[A-Za-z0-9-]{24,}"),
    ("jwt", r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*"),
    ("basic-auth", r"(?<=[Bb]asic )(?!REDACTED-)(?=[A-Za-z+/]*[0-9=])[A-Za-z0-9+/]{20,}={0,2}"),
    ("aws-signature", _BEHIND_AWS + r"(?!REDACTED-)(?=[A-Za-z]*[0-9%])[A-Za-z0-9%/+_-]{20,}"),
    ("bearer-token", _BEHIND_BEARER + r"(?!REDACTED-)(?=[A-Za-z._~+/-]*[0-9])[A-Za-z0-9._~+/-]{20,}=*"),
)

STARTS = frozenset(
    b"sk- ses org pro AIz GOC AKI ASI gho ghp ghs ghr ghu git glp hf_ xox xap sk_ rk_ whs npm pyp gsk xai r8_ ppl nva"
    b" lsv tvl eyJ 1// ABS bed IQo Fwo glr gld glc glf gls gla gli csk dap doo dop dor dck fig jin lin pk- key NRA ntn"
    b" sec pcs PMA rub snt shp sbp sbs sb_ pa-".split()
    + [f"{start}{digit}".encode() for start in ("SK", "AC") for digit in "0123456789abcdef"]
)
"""How the shapes above start, those apart that are known by what stands before them."""

BEHIND = frozenset({b"rer ", b"RER ", b"a29.", b"ure=", b"ial=", b"ken=", b"sic "})
BEHIND_SHORT = frozenset({b"SG.", b"vs.", b"vb."})
"""The last four, or three, bytes of what the shapes above look back at."""

SIZED: dict[int, tuple[str, re.Pattern[bytes] | None, re.Pattern[bytes]]] = {
    40: (
        "aws-secret-key",
        re.compile(rb"(?i:secret_?access_?key|aws_?secret_?key)[\"'\\ :=]{1,12}\Z"),
        re.compile(rb"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"),
    ),
    84: ("azure-key", None, re.compile(rb"[A-Za-z0-9]{52}JQQJ9[A-Za-z0-9]{27}")),
    86: (
        "azure-key",
        re.compile(rb"(?i:(?:account|shared_?access)_?key)[\"'\\ :=]{1,12}\Z"),
        re.compile(rb"[A-Za-z0-9/+]{86}==(?![A-Za-z0-9/+=])"),
    ),
}
"""Secrets without a prefix, by the length of the run: kind, the name that has to stand before it, and its form."""

PEM_NEEDLE = b"PRIVATE KEY"
PEM = (
    "private-key",
    re.compile(
        rb"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----"
        rb"(?:[A-Za-z0-9+/=\s\\:,.()-]*?-----END [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----|[A-Za-z0-9+/=\s\\]*)"
    ),
)
ARN_NEEDLE = b"arn"
ARN = (
    "aws-account",
    re.compile(
        rb"(?<![A-Za-z0-9])arn(?::|%3[Aa])aws[a-z-]*(?:(?::|%3[Aa])[a-z0-9-]*){2}(?::|%3[Aa])([0-9]{12})(?![0-9])"
    ),
)


def _spellings(words: str) -> tuple[str, ...]:
    """`access token` as access_token, access-token, accesstoken, accessToken, AccessToken, ACCESS_TOKEN and so on."""
    parts = words.split()
    title = [part.title() for part in parts]
    return (
        "_".join(parts), "-".join(parts), "".join(parts), parts[0] + "".join(title[1:]), "".join(title),
        "_".join(parts).upper(), "-".join(title),
    )  # fmt: skip


_FIELD_WORDS = {
    "api-key": ("api key", "x api key", "openai api key", "anthropic api key", "gemini api key", "google api key",
                "subscription key", "x goog api key", "azure openai api key", "azure api key", "cohere api key",
                "mistral api key", "groq api key", "openrouter api key", "account key", "shared access key"),
    "password": ("password", "passwd", "passphrase", "pwd"),
    "secret": ("client secret", "secret access key", "aws secret access key", "secret key", "api secret", "app secret",
               "consumer secret", "signing secret", "webhook secret", "encryption key", "signing key",
               "connection string", "client assertion"),
    "token": ("access token", "refresh token", "id token", "auth token", "session token", "bearer token", "api token",
              "security token", "private token", "secret token", "bot token", "personal access token", "hf token",
              "github token", "aws session token"),
    "cookie": ("cookie", "set cookie"),
    "private-key": ("private key",),
    "authorization": ("authorization", "proxy authorization"),
    "account": ("account id",),
    "organization": ("organization id", "organization uuid", "org id"),
}  # fmt: skip

FIELDS: dict[str, str] = {
    name: kind for kind, words in _FIELD_WORDS.items() for word in words for name in _spellings(word)
}
"""JSON field -> kind. Exact spellings rather than any case, so that finding them is a set operation."""

IDENTITIES = frozenset({"account", "organization"})
IDENTITY = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]{12}|(?:org|acct|proj|team|user)[-_][A-Za-z0-9]{8,}"
)
"""A field called `account_id` is redacted only where its value looks like a provider's: `"ACC-1"` is the driver's."""

HEADERS: dict[str, str] = {
    "authorization": "authorization", "proxy-authorization": "authorization",
    "x-api-key": "api-key", "api-key": "api-key", "x-goog-api-key": "api-key", "ocp-apim-subscription-key": "api-key",
    "cookie": "cookie", "set-cookie": "cookie",
    "openai-organization": "organization", "openai-project": "project", "anthropic-organization-id": "organization",
    "x-goog-user-project": "project", "account-id": "account", "organization-id": "organization",
}  # fmt: skip
HEADER_ENDINGS: dict[str, str] = {
    "-token": "token", "-password": "password", "-credential": "secret", "-credentials": "secret",
    "-cookie": "cookie", "-auth-key": "api-key", "-access-key": "api-key", "-functions-key": "api-key",
    "-subscription-key": "api-key", "-rapidapi-key": "api-key", "-api-key": "api-key",
    "-secret": "secret", "-account-id": "account",
    "-organization-id": "organization", "-authorization": "authorization",
}  # fmt: skip

QUERY: dict[str, str] = {
    **dict.fromkeys(("key", "api_key", "api-key", "apikey", "x-api-key", "subscription-key"), "api-key"),
    **dict.fromkeys(("access_token", "refresh_token", "id_token", "auth_token", "token"), "token"),
    **dict.fromkeys(("signature", "sig"), "signature"),
    "client_secret": "secret", "client_assertion": "secret", "password": "password", "passwd": "password",
    "pwd": "password", "secret": "secret", "auth": "token", "jwt": "token", "session_token": "token",
}  # fmt: skip
QUERY_PREFIXES: dict[str, str] = {"x-amz-": "aws-signature", "x-goog-": "google-signature"}
