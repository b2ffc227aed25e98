"""What fingerprints are taken of: a text as JSON writes it, whatever is in it."""

from __future__ import annotations

from json.encoder import encode_basestring

from hypothesis import example, given
from hypothesis import strategies as st

from desktop.core.dataset.fingerprints import written


@given(st.text(st.characters() | st.sampled_from('\\"\n\r\t\b\f\x00\x1f\x7f\ud800n'), max_size=30))
@example('\\n \n \\\\ "')
def test_a_text_is_written_as_json_writes_it(text: str) -> None:
    assert written(text) == encode_basestring(text)[1:-1].encode("utf-8", "surrogatepass")
