"""What a pull request is told of the next `up`."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Callable
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from markdown_it import MarkdownIt
from markdown_it.token import Token
from syrupy.assertion import SnapshotAssertion

from cutover import comment, diff
from cutover.engine import Answer
from cutover.errors import RefusedError
from cutover.markdown import escaped, fenced
from tests.unit.driver.previews import API, NEW, WEB, position, preview
from tests.unit.driver.test_rollouts import stateful

RECORDED = Path(__file__).parent / "recorded"
GOLDEN = Path(__file__).parents[2] / "engine" / "golden"


def recorded(name: str) -> Any:
    return json.loads((RECORDED / "comment" / f"{name}.json").read_text())


def said(document: Any, stack: str = "cutover/shop") -> str:
    return comment.render([Answer(stack, document)])


def parsed(text: str) -> list[Token]:
    """Every token of a comment, read as GitHub reads it."""
    found = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").parse(text)
    return [each for token in found for each in (token, *(token.children or ()))]


def text_of(tokens: list[Token]) -> str:
    return "".join(token.content for token in tokens if token.type in {"text", "text_special", "code_inline"})


@pytest.mark.parametrize("name", ["promotion", "canary", "dangerous", "nothing", "refused"])
def test_a_recorded_preview_of_the_embedded_engine(name: str, snapshot: SnapshotAssertion) -> None:
    with (RECORDED / "comment" / f"{name}.json").open(encoding="utf-8") as file:
        assert comment.render([Answer.recorded(file)]) == snapshot


@pytest.mark.parametrize("name", ["02", "05"])
def test_a_recorded_preview_of_the_real_engine(name: str, snapshot: SnapshotAssertion) -> None:
    with (GOLDEN / f"{name}-preview-json.json").open(encoding="utf-8") as file:
        assert comment.render([Answer.recorded(file)]) == snapshot


def test_what_is_worst_comes_first() -> None:
    text = said(recorded("dangerous"))
    assert text.index("[!CAUTION]") < text.index("changes in place") < text.index("ends with no pods")
    assert text.index("extra pods") < text.index("| App |") < text.index("<details>")


@pytest.mark.parametrize(("urn", "danger"), [("Deployment::web-blue", "pods end before"), ("Service::web", "replaced")])
def test_a_replace_is_told_first(urn: str, danger: str) -> None:
    document = recorded("promotion")
    next(step for step in document["steps"] if step["urn"].endswith(urn))["op"] = "replace"
    warning = said(document).split("\n\n")[1]
    assert warning.startswith("> [!CAUTION]\n> - <b>web</b>: ")
    assert danger in warning.splitlines()[1]


def test_apps_of_one_version_are_lines_of_the_table() -> None:
    canary = {"canary": {"tag": NEW}, "canaryReplicas": 1}
    text = said(preview({"apps": {"db": stateful()}}, {"apps": {"db": stateful(**canary)}}))
    assert re.search(r"\| db \|  \| 6.9.0 → <b>6.9.0, canary 6.9.1 on ordinal 2</b> \| 3 \| \S \|", text)


def test_an_app_that_comes_and_one_that_goes() -> None:
    text = said(preview(position(apps={"web": WEB}), position(apps={"api": API})))
    assert "| api (new) | blue | 6.9.0 | 10 | 100% |" in text
    assert "| web (removed) | blue | 6.9.0 | 3 | 100% |" in text


def test_only_what_changes_has_lines_in_the_table() -> None:
    text = said(preview(position(), position(canaryReplicas=1)))
    assert "- <b>web</b>: unchanged\n" in text
    assert "| web |" not in text


def test_one_comment_for_several_stacks() -> None:
    names = ("promotion", "nothing", "refused")
    text = comment.render(Answer.recorded((RECORDED / "comment" / f"{name}.json").open()) for name in names)
    assert text.startswith(f"{comment.MARKER}\n### <code>cutover/shop</code>\n")
    assert text.count(comment.MARKER) == 1
    assert [token.tag for token in parsed(text) if token.type == "heading_open"] == ["h3"] * 3


@pytest.mark.parametrize("name", ["promotion", "canary", "dangerous"])
def test_the_order_in_which_the_engine_came_to_its_steps_changes_nothing(name: str) -> None:
    document = recorded(name)
    before = said(document)
    document["steps"].reverse()
    assert said(document) == before


def test_what_is_no_preview_is_told_in_the_comment() -> None:
    for content in ("", "error: no stack selected", "[]", '{"steps": [{}]}'):
        file = io.StringIO(content)
        file.name = "previews/prod.json"
        answer = Answer.recorded(file)
        assert answer.stack == "prod"
        assert "previews/prod.json holds no preview" in answer.refused
        assert "The next up is refused" in comment.render([answer])


# --- the limit


def with_objects(count: int, length: int = 40) -> Any:
    document = recorded("promotion")
    state = {"custom": True, "type": "kubernetes:core/v1:ConfigMap"}
    for number in range(count):
        urn = f"urn:pulumi:shop::cutover::kubernetes:core/v1:ConfigMap::map-{number}"
        document["steps"].append(
            {"op": "create", "urn": urn, "newState": {**state, "inputs": {"spec": {"word": "x" * length}}}}
        )
    return document


@pytest.mark.parametrize(("count", "length"), [(2000, 40), (2, 100_000), (300, 299)])
def test_the_diff_is_cut_and_the_summary_is_not(count: int, length: int) -> None:
    small, big = said(with_objects(0)), said(with_objects(count, length))
    assert len(big) <= comment.LIMIT
    assert big.startswith(small.partition("<details><summary>Diff")[0])
    assert big.endswith("```\n\n</details>\n\n")
    if count > 2:
        assert len(big) > comment.LIMIT * 0.95
        assert re.search(
            rf"<summary>Diff: {count} to create, 8 to update \(the first \d+ of \d+ lines\)</summary>", big
        )


def test_several_stacks_share_the_room() -> None:
    many = [Answer(f"shop/{number}", with_objects(2000 if number else 3)) for number in range(10)]
    text = comment.render(many)
    assert comment.LIMIT * 0.9 < len(text) <= comment.LIMIT
    assert text.count("| web | green | 6.9.1 | 2 | 0% → <b>100%</b> |") == 10
    assert text.count("(the first ") == 9


def test_fences_that_are_longer_than_what_they_hold_have_room() -> None:
    document = with_objects(2000)
    for step in document["steps"][-2000:]:
        step["newState"]["inputs"]["spec"] = {"word": "`" * 400}
    assert len(said(document)) <= comment.LIMIT


def test_more_than_fits_is_refused_and_not_cut() -> None:
    with pytest.raises(RefusedError, match="fewer stacks at a time"):
        comment.render(Answer(f"shop/{number}", recorded("dangerous")) for number in range(100))


def test_a_long_reason_keeps_its_beginning() -> None:
    text = comment.render([Answer("shop/prod", {}, "\n".join(f"{number} " + "y" * 5000 for number in range(500)))])
    assert len(text) <= comment.LIMIT
    assert "… and 440 lines more" in text


# --- data stay data

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</code></details><script>x</script>",
    "a|b|c",
    "``` ` `` ```",
    "**bold** _it_ ~~no~~ [link](http://x) ![](y)",
    "@everyone #12 org/repo#3",
    "<!-- cutover -->",
    "\\| \\",
    "&lt; &#64;",
    "a\r\nb\n\n# c",
    "\u202egnp.exe\u2066",
    "$a$ `x`",
]


def hostile(tag: str, app: str) -> Any:
    """A promotion whose other tag, and one app's name, are somebody's text."""
    document = recorded("promotion")
    for step in document["steps"]:
        for age in ("oldState", "newState"):
            meta = step.get(age, {}).get("inputs", {}).get("metadata", {})
            notes, labels = meta.get("annotations", {}), meta.get("labels", {})
            if "cutover/tags" in notes:
                notes["cutover/tags"] = json.dumps({"blue": "6.9.0", "green": tag})
            if notes.get("cutover/tag") == "6.9.1":
                notes["cutover/tag"] = tag
            if labels.get("app") == "web":
                labels["app"] = app
    document["diagnostics"].append({"severity": "warning", "message": f"warning: {tag}"})
    return document


def check_harmless(text: str, tag: str, app: str) -> None:
    tokens = parsed(text)
    html = {token.content.strip() for token in tokens if token.type in {"html_inline", "html_block"}}
    ours = r"</?(b|code|details)>|<br>|<!-- cutover -->|<details><summary>[\w :(),]+</summary>"
    assert all(re.fullmatch(ours, each) for each in html), html
    assert not {token.type for token in tokens} & {
        "link_open",
        "image",
        "em_open",
        "s_open",
        "strong_open",
        "code_block",
    }
    assert [token.info for token in tokens if token.type == "fence"] == ["text", "diff"]
    rows, cells = ([t for t in tokens if t.type == kind] for kind in ("tr_open", "td_open"))
    assert (len(rows), len(cells)) == (5, 20)
    texts = [seen(text_of(after.children or [])) for t, after in pairwise(tokens) if t.type == "td_open"]
    assert [texts[index] for index in (2, 7, 10, 12, 15, 17)] == [
        "6.9.0",
        seen(tag),
        seen(app),
        "6.9.0",
        seen(app),
        seen(tag),
    ]
    assert seen(tag) in seen(text_of(tokens)).partition("App")[0]


def seen(text: str) -> str:
    """What of a text has a width."""
    aside = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}
    return "".join(each for each in text if unicodedata.category(each) not in aside and each != "\ufffd")


@pytest.mark.parametrize("word", HOSTILE)
def test_names_tags_and_warnings_stay_text(word: str) -> None:
    check_harmless(said(hostile(word, f"web {word}")), word, f"web {word}")


@given(some.text(min_size=1, max_size=30), some.text(min_size=1, max_size=30))
def test_any_text_stays_text(tag: str, app: str) -> None:
    check_harmless(said(hostile(f"t{tag}t", f"w{app}w")), f"t{tag}t", f"w{app}w")


@given(some.lists(some.text("`~ \n<a", max_size=8)))
@example(["````", "```"])
def test_nothing_closes_a_block_of_code(lines: list[str]) -> None:
    (token,) = MarkdownIt("commonmark").parse(fenced("text", lines))
    assert (token.type, token.content.count("\n")) == ("fence", max(len(lines), 1))


def test_nobody_is_called_and_nothing_is_linked() -> None:
    assert escaped("@ada, see #12; a@b.c") == "@\u200bada, see #\u200b12; a@b.c"


def changed(old: Any, new: Any, kind: str = "apps/v1:Deployment") -> list[str]:
    """The lines that tell of an object that changes."""
    ages = {"oldState": old, "newState": new}
    states = {age: {"custom": True, "inputs": inputs} for age, inputs in ages.items() if inputs is not None}
    step = {"op": "update", "urn": f"urn:pulumi:dev::shop::kubernetes:{kind}::web", "detailedDiff": None, **states}
    heading, *told = diff.lines({"steps": [step]})
    assert heading == f"@@ update kubernetes:{kind} web @@"
    return told


def test_what_goes_and_what_comes() -> None:
    old, new = {"spec": {"replicas": 2, "paused": True}}, {"spec": {"replicas": 3, "type": "a\nb"}}
    assert changed(old, new) == [
        "- spec.paused: true",
        "- spec.replicas: 2",
        "+ spec.replicas: 3",
        '+ spec.type: "a\\nb"',
    ]
    assert changed(None, {"spec": {"replicas": 1}}) == ["+ spec.replicas: 1"]


def test_items_go_by_their_names() -> None:
    old, new = (
        {"ports": [{"name": name, "port": len(name)} for name in names]} for names in (["web"], ["admin", "web"])
    )
    assert changed(old, new) == ['+ ports[admin].name: "admin"', "+ ports[admin].port: 5"]


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (
            lambda word: {"spec": {"containers": [{"name": "app", "env": [{"name": "A", "value": word}]}]}},
            "env[A].value",
        ),
        (lambda word: {"spec": {"containers": [{"name": "app", "args": [word]}]}}, "args[0]"),
        (lambda word: {"spec": {"containers": [{"name": "app", "command": ["sh", word]}]}}, "command[1]"),
        (lambda word: {"spec": {"httpGet": {"httpHeaders": [{"name": "A", "value": word}]}}}, "httpHeaders[A].value"),
        (lambda word: {"data": {"a.b": word}}, "data.a.b"),
        (lambda word: {"stringData": {"a": word}}, "stringData.a"),
        (lambda word: {"spec": {"a": {"4dabf18193072939515e22adb298388d": "1b47", "plaintext": word}}}, "spec.a"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(place: Callable[[str], Any], path: str) -> None:
    lines = changed(place("hunter2"), place("hunter3")) + changed(None, place("hunter4"))
    assert "hunter" not in "".join(lines)
    assert any(re.fullmatch(rf"! \S*{re.escape(path)}", line) for line in lines), lines
    assert any(re.fullmatch(rf"\+ \S*{re.escape(path)}", line) for line in lines), lines


def test_what_the_engine_hides_is_told_by_its_place() -> None:
    same = {"custom": True, "inputs": {"data": "[secret]"}}
    step = {"op": "update", "urn": "urn:pulumi:dev::shop::kubernetes:core/v1:Secret::a", "oldState": same}
    document = {"steps": [{**step, "newState": same, "detailedDiff": {"data": {"kind": "update"}}}]}
    assert [*diff.lines(document)][1:] == ["! data"]


# --- the command line


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    from cutover import cli  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)

    def typed(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["plan", *words])
        return int(ended.value.code or 0), unescape(capsys.readouterr().out)

    return typed


def test_recorded_previews_need_no_project(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: str(RECORDED / "comment" / f"{name}.json") for name in ("promotion", "refused")}
    code, out = run("--markdown", "--from", files["promotion"])
    assert (code, out) == (0, unescape(said(recorded("promotion"))))
    code, out = run("--markdown", "--from", files["promotion"], "--from", files["refused"])
    assert (code, out.count("### ")) == (2, 2)
    monkeypatch.setattr("sys.stdin", Path(files["promotion"]).open())  # noqa: SIM115  # ends with the test
    code, out = run("--from", "-")
    assert code == 0
    assert "api: traffic moves from blue (6.9.0) to green (6.9.1)" in out
    code, out = run("--from", files["refused"])
    assert (code, out) == (2, "")
    code, out = run("--from", files["promotion"], "--json")
    assert json.loads(out)["cost"] == {"now": 9, "peak": 13, "after": 9}


def test_stacks_by_name(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")

    def answer(engine: Any) -> Any:
        if engine.stack == "prod":
            raise RefusedError("it would hurt")
        return {"steps": [], "changeSummary": {"same": 1}}

    monkeypatch.setattr("cutover.engine.Engine.preview", answer)
    code, out = run("--markdown", "staging", "prod")
    assert code == 2
    assert out.index("<code>shop/staging</code>: nothing changes") < out.index("<code>shop/prod</code>")
    assert "it would hurt" in out
    code, out = run("staging", "test", "--json")
    assert (code, [*json.loads(out)]) == (0, ["shop/staging", "shop/test"])
    code, out = run("staging", "test")
    assert "shop/staging\nThe next up changes nothing." in out
