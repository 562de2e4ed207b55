"""Which spellings are one mailbox, which are none, and which of two is asked."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.address import Mailboxes, Resolved, normal_form, resolve, sendable
from rules.campaign import AddressField
from tests.rules.judged import cases, table

CUSTOMER, LOCATION = AddressField.CUSTOMER, AddressField.LOCATION
CONTACT, BILLING = AddressField.CONTACT, AddressField.BILLING

LOCALS = st.text("abZ.+'é\"@ \t", max_size=8)
DOMAINS = st.text(max_size=12) | st.sampled_from(
    ["EXAMPLE.com", "faß.de", "ΣΑΣ.gr", "xn--fa-hia.de", "日本語。jp", "exa\u0301mple.ca"]
)
TYPED = st.builds(lambda local, domain: f"{local}@{domain}", LOCALS, DOMAINS) | st.text()
FEW = st.none() | st.sampled_from(["a@b.ca", " A@B.ca ", "c@d.ca", "", "nobody", "e@f.ca"])


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  ann@example.com\t", "ann@example.com"),
        ("\u00a0ann@example.com\u00a0", "ann@example.com"),
        ("Ann.Lee+Tag@Example.COM", "ann.lee+tag@example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("ann@EXÄMPLE.ca", "ann@xn--exmple-cua.ca"),
        ("ann@exa\u0308mple.ca", "ann@xn--exmple-cua.ca"),
        ("ann@XN--exmple-cua.ca", "ann@xn--exmple-cua.ca"),
        ("ann@bücher。de", "ann@xn--bcher-kva.de"),
        ("ann@\uff45xample\uff0ecom", "ann@example.com"),
        ("ann@example.\u0391\u03a3", "ann@example.xn--mxa0b"),
        ("ann@3---x.example", "ann@3---x.example"),
    ],
)
def test_17_spellings_of_one_mailbox_have_one_normal_form(typed: str, normal: str) -> None:
    assert normal_form(typed) == normal


def test_addresses_are_judged_as_the_tables_say() -> None:
    assert {typed: normal_form(typed) for typed in cases()} == cases()
    assert len(table("domains.json")) >= 40


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann+a@example.com", "ann+b@example.com"),
        ("ann.lee@example.com", "annlee@example.com"),
        ("ann@faß.de", "ann@fass.de"),
        ("ann@βόλος.gr", "ann@βόλοσ.gr"),
    ],
)
def test_17_two_mailboxes_that_look_alike_stay_two(one: str, other: str) -> None:
    assert None not in {normal_form(one), normal_form(other)}
    assert normal_form(one) != normal_form(other)


@pytest.mark.parametrize(
    ("why", "typed"),
    [
        ("nothing", None),
        ("empty", ""),
        ("blank", " \t\u00a0 "),
        ("no at sign", "ann.example.com"),
        ("no local part", "@example.com"),
        ("no domain", "ann@"),
        ("two at signs", "ann@lee@example.com"),
        ("two addresses", "ann@example.com, lee@example.com"),
        ("two addresses by semicolon", "ann@example.com;lee@example.com"),
        ("a name", "Ann <ann@example.com>"),
        ("a blank inside", "ann lee@example.com"),
        ("a line break after", "ann@example.com\r\n"),
        ("a header", "ann@example.com\nBcc: all@example.com"),
        ("a NUL", "ann\0@example.com"),
        ("a control in the domain", "ann@exam\x7fple.com"),
        ("a line separator", "ann@example.com\u2028"),
        ("a zero-width space", "ann@exam\u200bple.com"),
        ("a joiner", "ann@a\u200db.com"),
        ("a local part that is not ASCII", "zoé@example.com"),
        ("a Kelvin sign for a k", "\u212aim@example.com"),
        ("a quoted local part", '"ann lee"@example.com'),
        ("a dot first", ".ann@example.com"),
        ("two dots", "ann..lee@example.com"),
        ("a bare host", "ann@localhost"),
        ("an IP literal", "ann@[192.0.2.1]"),
        ("an IP address", "ann@192.0.2.1"),
        ("an empty label", "ann@example..com"),
        ("a dot at the end", "ann@example.com."),
        ("a hyphen first", "ann@-example.com"),
        ("a hyphen last", "ann@example-.com"),
        ("an underscore", "ann@exam_ple.com"),
        ("a symbol", "ann@i❤.ws"),
        ("a label that folds to a slash", "ann@℀.com"),
        ("mixed directions", "ann@1א.com"),
        ("an accent without a letter", "ann@\u0301a.com"),
        ("punycode of nothing", "ann@xn--.com"),
        ("punycode of ASCII", "ann@xn--abc-.com"),
        ("punycode of a control", "ann@xn--abc.com"),
        ("punycode that does not decode", "ann@xn--99999999999.com"),
        ("punycode of a capital", "ann@xn--bcher-2pa.de"),
        ("punycode with an umlaut", "ann@xn--ü.de"),
        ("a lone surrogate", "ann@\ud800.com"),
        ("a local part of 65", f"{'a' * 65}@example.com"),
        ("a label of 64", f"ann@{'a' * 64}.com"),
        ("255 characters", f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 7}"),
        ("too long as typed", "ann@" + ".".join(["e\u0302\u0301" * 45] * 2) + ".com"),
        ("too long once in punycode", f"{'a' * 64}@{'.'.join(['é' + 'b' * 50] * 3)}.{'c' * 30}"),
    ],
)
def test_no_mailbox(why: str, typed: str | None) -> None:
    assert normal_form(typed) is None


def test_the_longest_mailbox_is_one() -> None:
    longest = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 6}"
    assert len(longest) == 254
    assert normal_form(longest) == longest


@given(TYPED)
def test_a_normal_form_is_its_own_and_plain_ascii(typed: str) -> None:
    normal = normal_form(typed)
    if normal is not None:
        assert normal_form(normal) == normal
        assert normal.isascii()
        assert normal.isprintable()
        assert " " not in normal


@pytest.mark.parametrize(
    ("address", "sent"),
    [("retour@localhost", "retour@localhost"), (" A@Éxample.org ", "A@xn--xample-9ua.org")],
)
def test_a_sender_may_be_on_a_bare_host(address: str, sent: str) -> None:
    assert sendable(address) == sent


@pytest.mark.parametrize("address", ["", "a@b>\r\nRCPT TO:<x@y.z>", "a b@c", "@"])
def test_what_could_end_a_command_is_no_sender(address: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        sendable(address)


@pytest.mark.parametrize(
    ("case", "boxes", "secondary", "bounced", "asked"),
    [
        ("primary", {CUSTOMER: "a@b.ca", LOCATION: "c@d.ca"}, LOCATION, (), "a@b.ca"),
        ("primary is empty", {CUSTOMER: None, LOCATION: "c@d.ca"}, LOCATION, (), "c@d.ca"),
        ("primary is blank", {CUSTOMER: "  ", LOCATION: "c@d.ca"}, LOCATION, (), "c@d.ca"),
        ("primary is malformed", {CUSTOMER: "none", LOCATION: "c@d.ca"}, LOCATION, (), "c@d.ca"),
        (
            "primary bounced",
            {CUSTOMER: "A@b.ca", LOCATION: "c@d.ca"},
            LOCATION,
            ("a@b.ca",),
            "c@d.ca",
        ),
        (
            "both bounced",
            {CUSTOMER: "a@b.ca", LOCATION: "c@d.ca"},
            LOCATION,
            ("a@b.ca", "c@d.ca"),
            None,
        ),
        ("both empty", {}, LOCATION, (), None),
        ("no secondary", {CUSTOMER: None, LOCATION: "c@d.ca"}, None, (), None),
        ("the third", {CONTACT: "e@f.ca"}, CONTACT, (), "e@f.ca"),
        ("the fourth", {BILLING: "g@h.ca"}, BILLING, (), "g@h.ca"),
    ],
)
def test_16_the_secondary_is_asked_only_if_the_primary_is_empty(
    case: str,
    boxes: Mailboxes,
    secondary: AddressField | None,
    bounced: tuple[str, ...],
    asked: str | None,
) -> None:
    found = resolve(boxes, CUSTOMER, secondary, frozenset(bounced))
    assert (found and found.normal) == asked


def test_it_is_delivered_to_what_was_typed_without_the_blanks() -> None:
    found = resolve({LOCATION: " Ann+1@Bücher.de "}, CUSTOMER, LOCATION, ())
    assert found == Resolved("Ann+1@Bücher.de", "ann+1@xn--bcher-kva.de", LOCATION)


@given(
    st.dictionaries(st.sampled_from(AddressField), FEW),
    st.sampled_from(AddressField),
    st.none() | st.sampled_from(AddressField),
    st.frozensets(st.sampled_from(["a@b.ca", "c@d.ca"])),
)
def test_a_bounced_address_is_never_asked_again(
    boxes: Mailboxes,
    primary: AddressField,
    secondary: AddressField | None,
    bounced: frozenset[str],
) -> None:
    found = resolve(boxes, primary, secondary, bounced)
    if found is not None:
        assert found.normal not in bounced
        assert found.field in {primary, secondary}
        assert normal_form(found.typed) == found.normal


@pytest.mark.parametrize("spelt", ["{}@" + "x" * 60_000 + ".ca", "{}" + "y" * 60_000, "{}@b.ca"])
def test_what_strangers_type_is_not_kept_where_it_is_long(spelt: str) -> None:
    tracemalloc.start()
    try:
        for number in range(300):
            normal_form(" " * 60_000 + spelt.format(number))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
