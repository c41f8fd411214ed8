import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.pages.shared.ansi import render

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


@given(st.binary(max_size=300))
def test_no_output_can_bring_markup_of_its_own(raw):
    html = render(raw)
    bare = html
    for classes in {part.split('">')[0] for part in html.split('<span class="')[1:]}:
        assert set(classes.split()) <= COLOURS | {"ansi-bold", "ansi-dim"}
        bare = bare.replace(f'<span class="{classes}">', "")
    assert "<" not in bare.replace("</span>", "")
    assert "\x1b" not in html
