"""What fuzzing found, cut down to what matters and told in our words."""

_HALF_A_BRACKET = (
    b'{"interactions": [{"request": {"method": "POST", "uri": "http://[a/v1/chat/completions", "body": "{}", '
    b'"headers": {}}, "response": {"status": {"code": 200}, "headers": {}, "body": {"string": "x"}}}]}'
)

FOUND: list[tuple[str, str, bytes]] = [
    ("load", "JSON whose encoding was guessed from its zeros", b"{\0\0\0P\xff\xff\xff"),
    ("load", "a JSON number that Python does not convert", b'{"version": ' + b"1" * 5000 + b"}"),
    (
        "load",
        "a URL with half a bracket",
        _HALF_A_BRACKET,
    ),
    ("scenario", "a number of five thousand digits", b"harness: " + b"1" * 5000),
    ("prompts", "JSON that only its redaction makes valid", b'\0{"api_key": "k\0\0\0"}'),
    ("journal", "a first record that is no mapping", b"journal 1 0 1\n2\n"),
    ("journal", "a request without a URL", b"journal 1 0 2\n{}\nask 1 0 3\n{}\n\n"),
]
