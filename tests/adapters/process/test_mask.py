import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.process.keeper.log.mask import MAX_BREAKS_HELD, Masker
from adapters.process.keeper.log.secret_encodings import encodings_of, flatten

SECRET = 'sk-Abc+/12 3"4é'


def masked(secrets: list[str], text: bytes, cuts: list[int] | None = None) -> bytes:
    masker, done, last = Masker(secrets), b"", 0
    for cut in sorted(cuts or []):
        done += masker.feed(text[last:cut])
        last = cut
    return done + masker.feed(text[last:]) + masker.flush()


# No '*': a secret made of the mask's own letters cannot be told from a mask.
letters = st.characters(codec="utf-8", exclude_characters="*", exclude_categories=["Cs"])
secret_values = st.one_of(
    st.text(letters, min_size=8, max_size=40),
    st.text("ab", min_size=8, max_size=12),
    st.text('abc/+"\\ \n', min_size=8, max_size=30),
)
cuts = st.lists(st.integers(0, 400), max_size=40)


@st.composite
def leaks(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """A text with secrets in all their forms, some broken over lines."""
    secrets = draw(st.lists(secret_values, min_size=1, max_size=3))
    needles = sorted(set().union(*(encodings_of(secret) for secret in secrets)))
    assume(needles)
    parts = []
    for _ in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            needle = draw(st.sampled_from(needles))
            at = draw(st.integers(0, len(needle)))
            parts += [needle[:at], draw(st.sampled_from([b"", b"\n", b"\r\n"])), needle[at:]]
        else:
            parts.append(draw(st.binary(max_size=12).filter(lambda b: b"*" not in b)))
    return secrets, b"".join(parts)


@given(leaks(), cuts)
def test_no_form_of_a_secret_survives_however_the_stream_is_cut(leak: tuple[list[str], bytes], at: list[int]) -> None:
    secrets, text = leak
    shown = flatten(masked(secrets, text, at))
    assert not [form for secret in secrets for form in encodings_of(secret) if form in shown]


@given(leaks(), cuts)
def test_the_cuts_of_the_stream_change_nothing(leak: tuple[list[str], bytes], at: list[int]) -> None:
    secrets, text = leak
    assert masked(secrets, text, at) == masked(secrets, text)


@given(leaks(), cuts)
def test_masks_keep_the_number_of_lines(leak: tuple[list[str], bytes], at: list[int]) -> None:
    secrets, text = leak
    assert masked(secrets, text, at).count(b"\n") == text.count(b"\n")


@given(st.lists(secret_values, max_size=3), st.binary(max_size=300), cuts)
def test_text_without_secrets_stays_byte_for_byte(secrets: list[str], text: bytes, at: list[int]) -> None:
    assume(not any(form in flatten(text) for secret in secrets for form in encodings_of(secret)))
    assert masked(secrets, text, at) == text


@given(secret_values, st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_inside_any_base64_text_is_found(secret: str, before: bytes, after: bytes) -> None:
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes):
        text = encode(before + raw + after)
        assert b"***" in masked([secret], text)


@given(secret_values)
def test_a_secret_in_json_and_in_json_inside_json_is_found(secret: str) -> None:
    for text in (json.dumps({"k": secret}), json.dumps({"k": secret}, ensure_ascii=False)):
        assert masked([secret], text.encode()) == b'{"k": "***"}'
        assert b"***" in masked([secret], json.dumps({"outer": text}).encode())


@given(secret_values)
def test_a_quoted_secret_in_a_url_is_found(secret: str) -> None:
    for quoted in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        assert masked([secret], f"GET /?key={quoted}&x=1".encode()) == b"GET /?key=***&x=1"


@pytest.mark.parametrize("form", sorted(encodings_of(SECRET)))
def test_each_form_is_masked_when_it_comes_byte_by_byte(form: bytes) -> None:
    text = b"before " + form + b" after"
    assert masked([SECRET], text, list(range(len(text)))) == b"before *** after"


def test_each_line_of_a_wrapped_secret_is_masked() -> None:
    assert masked(["abcdefghijkl"], b"1\nabcde\r\nfgh\nijkl 2\n") == b"1\n***\r\n***\n*** 2\n"


def test_a_long_line_of_a_multi_line_secret_is_masked_alone() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nab12\n-----END KEY-----\n"
    assert masked([key], b"  > MIIEvQIBADANBgkqhkiG9w0 ab12\n") == b"  > *** ab12\n"


def test_overlapping_secrets_leave_no_rest() -> None:
    text = b"1 abcdefghijklmn 2"
    for at in range(len(text)):
        assert masked(["abcdefgh", "ghijklmn"], text, [at]) == b"1 *** 2"


def test_short_values_are_not_masked() -> None:
    assert masked(["true", "1234567"], b"true 1234567") == b"true 1234567"


def test_only_a_tail_that_may_begin_a_secret_waits() -> None:
    masker = Masker(["abcdefgh"])
    assert masker.feed(b"nothing here\n") == b"nothing here\n"
    assert masker.feed(b"xyz abc") == b"xyz "
    assert masker.feed(b"xyz") == b"abcxyz"


def test_the_held_tail_is_bounded() -> None:
    masker = Masker(["a" * 8])
    held = sum(map(len, (masker.feed(b"a" * 1000) for _ in range(50))))
    assert held <= 6
    masker = Masker(["abcdefgh"])
    masker.feed(b"a")
    shown = sum(len(masker.feed(b"\n" * 1000)) for _ in range(20))
    assert shown > 20_000 - MAX_BREAKS_HELD - 1001


QUOTED = 'it\'s <a> "se\\cret" & $more'


@pytest.mark.parametrize(
    "printed",
    [
        b"+ echo 'it'\\''s <a> \"se\\cret\" & $more'",
        b"+ echo 'it'\"'\"'s <a> \"se\\cret\" & $more'",
        b'declare -x A="it\'s <a> \\"se\\\\cret\\" & \\$more"',
        b'it\\\'s\\ \\<a\\>\\ \\"se\\\\cret\\"\\ \\&\\ \\$more',
        b'<p>it\'s &lt;a&gt; "se\\cret" &amp; $more</p>',
        b"<p title='it&#x27;s &lt;a&gt; &quot;se\\cret&quot; &amp; $more'>",
        QUOTED.encode().hex().encode(),
        QUOTED.encode().hex().upper().encode(),
        repr(QUOTED.encode()).encode(),
    ],
)
def test_a_secret_is_masked_as_shells_pages_and_dumps_print_it(printed: bytes) -> None:
    left = masked([QUOTED], printed)
    assert b"***" in left and b"cret" not in left and QUOTED.encode().hex()[:24].encode() not in left.lower()
