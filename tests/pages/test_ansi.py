import html as markup
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.process.terminal import visible
from jobs.pages.shared.ansi import render
from jobs.pages.shared.autolink import linked

LINK = re.compile(r'<a href="(https?://[^"<>]*)" target="_blank" rel="noopener noreferrer">([^<>]*)</a>')

COLOURS = {"ansi-red", "ansi-green", "ansi-yellow", "ansi-blue", "ansi-magenta", "ansi-cyan"}


@pytest.mark.parametrize(
    ("raw", "html"),
    [
        (b"plain", "plain"),
        (b"<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
        (b"\x1b[31mred\x1b[0m not", '<span class="ansi-red">red</span> not'),
        (
            b"\x1b[1;32mok\x1b[22m thin\x1b[39m ink",
            '<span class="ansi-green ansi-bold">ok</span><span class="ansi-green"> thin</span> ink',
        ),
        (b"\x1b[2mdim", '<span class="ansi-dim">dim</span>'),
        (b"\x1b[38;5;196mx\x1b[m", '<span class="ansi-red">x</span>'),
        (b"\x1b[38;2;10;20;250mx", '<span class="ansi-blue">x</span>'),
        (b"\x1b[48;5;196mx", "x"),
        (b"\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "link"),
        (b"\x1b]0;title\x1b\\text", "text"),
        (b"\x1b[2K\x1b[1Gagain", "again"),
        (b"10 %\r50 %\r100 %", "100 %"),
        (b"dos\r", "dos"),
        (b"bell\x07 back\x08space\x00", "bell backspace"),
        ("a\u202eb".encode(), "ab"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"tab\tstays", "tab\tstays"),
    ],
)
def test_terminal_output_becomes_safe_markup(raw, html):
    assert render(raw) == html


OUTPUT = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [b"http://", b"HTTPS://x", b"https://a.example/?q=<'\"&", b"\x1b[31m", b"\x1b]8;;", b"\r", b")"]
        ),
    ),
    max_size=12,
).map(b"".join)


@given(OUTPUT)
def test_no_output_can_bring_markup_of_its_own(raw):
    html = render(raw)
    bare = LINK.sub(r"\2", html)
    for classes in {part.split('">')[0] for part in html.split('<span class="')[1:]}:
        assert set(classes.split()) <= COLOURS | {"ansi-bold", "ansi-dim"}
        bare = bare.replace(f'<span class="{classes}">', "")
    assert "<" not in bare.replace("</span>", "")
    assert "\x1b" not in html


@given(OUTPUT)
def test_what_is_shown_is_what_a_search_looks_at(raw):
    line = raw.replace(b"\n", b"")
    assert markup.unescape(re.sub("<[^>]*>", "", render(line))) == visible(line).decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("see https://a.example/x?y=1&z=%20#frag for more", ["https://a.example/x?y=1&z=%20#frag"]),
        ("http://127.0.0.1:8750/jobs/1.", ["http://127.0.0.1:8750/jobs/1"]),
        ("(https://a.example/wiki/Engine_(job)), or", ["https://a.example/wiki/Engine_(job)"]),
        ("[docs](https://a.example/page)!", ["https://a.example/page"]),
        ("http://[::1]:8000/", ["http://[::1]:8000/"]),
        ("'https://a.example/q'", ["https://a.example/q"]),
        ("https://a.example/<b>", ["https://a.example/"]),
        ("https://a.example, https://b.example", ["https://a.example", "https://b.example"]),
        ("javascript:alert(1) file:///etc/passwd ftp://a.example xhttp://a.example", []),
        ("https:// and http:///", []),
    ],
)
def test_web_addresses_in_a_log_are_links(text, addresses):
    html = linked(text)
    assert [markup.unescape(href) for href, _ in LINK.findall(html)] == addresses
    assert markup.unescape(LINK.sub(r"\2", html)) == text


@pytest.mark.parametrize(
    "text", ["https://a" * 20_000, "https://a" + "(" * 20_000, "http://a" + ")" * 20_000 + " ", "://" * 50_000]
)
def test_a_hostile_line_is_linked_in_linear_time(text):
    began = time.process_time()
    linked(text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("raw", [b"\x1b]" * 50_000, b"\x1b]" + b"\x1b" * 50_000, b"\x1b[" * 50_000, b"\x1b " * 50_000])
def test_a_hostile_line_is_rendered_in_linear_time(raw):
    began = time.process_time()
    render(raw)
    assert time.process_time() - began < 2
