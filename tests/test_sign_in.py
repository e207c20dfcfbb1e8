"""The page where tokens are set: who signs in finds what is theirs, and nobody else does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_app import Running, upload
from page_browser import ask, asked, browser

from hugginggraph.registry import Settings
from hugginggraph.serve.server.sessions import COOKIE, PER_OWNER, Sessions

pytest.importorskip("gradio", reason="the extra `page` is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'"),  # LangServe's own
    pytest.mark.filterwarnings("ignore:.future.no_silent_downcasting."),  # Gradio's own
]
ALICE, BOB = "alice-" + "a" * 20, "bob-" + "b" * 20
SECRET = "The vault of the bank opens with 4711. The guard sleeps at noon. Nobody knows of it."
SCENE = Path(__file__).parents[1] / "examples" / "scene.png"
THREAD = "0123456789abcdef" * 2
SignIn = Callable[[str], httpx.Client]


@pytest.fixture(scope="module")
def running(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("signed")
    (folder / "data").mkdir()
    (folder / "data" / "registry").symlink_to(data_dir / "registry")
    settings = Settings(
        offline=True, data_dir=folder / "data", artifacts_dir=folder / "artifacts",
        server_tokens=f"{ALICE}, {BOB}",
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        server = Running(settings, page=True)
        with server:
            yield server


@pytest.fixture
def anyone(running: Running) -> httpx.Client:
    return running.client


@pytest.fixture
def signed_in(anyone: httpx.Client) -> Iterator[SignIn]:
    """Makes clients that hold a session as a browser does."""
    made = []

    def sign_in(token: str) -> httpx.Client:
        base = str(anyone.base_url).rstrip("/")
        client = httpx.Client(base_url=base, timeout=60, headers={"origin": base})
        made.append(client)
        reply = client.post("/sign-in", data={"token": token})
        assert (reply.status_code, reply.headers["location"]) == (303, "/"), reply.text
        return client

    yield sign_in
    for client in made:
        client.close()


def every_route(router: Any) -> Iterator[tuple[str, str]]:
    """Method and path of each route, those of routers inside among them."""
    for route in router.routes:
        if inside := getattr(route, "original_router", None):
            yield from every_route(inside)
        else:
            for method in getattr(route, "methods", None) or ["GET"]:
                yield method, re.sub(r"{[^}]*}", "x", route.path)


def test_without_a_session_no_route_of_the_page_answers(
    anyone: httpx.Client, signed_in: SignIn, running: Running
) -> None:
    assert "HuggingGraph" in signed_in(ALICE).get("/").text
    late: Any = running.app.routes[-1]
    gradio = [route.app for page in late.app._page._pages.values() for route in page.routes[-1:]]
    routes = {each for app in gradio for each in every_route(app)}
    paths = {path for _, path in routes}
    assert {"/", "/config", "/gradio_api/queue/join", "/gradio_api/upload"} <= paths
    assert "/gradio_api/file=x" in paths and len(routes) > 60
    for method, path in sorted(routes | {("GET", "/page/alive"), ("POST", "/sign-out")}):
        assert anyone.request(method, path).status_code == 401, (method, path)
        forged = anyone.request(method, path, headers={"cookie": f"{COOKIE}=forged"})
        assert forged.status_code == 401
    sent = anyone.get("/docs", headers={"accept": "text/html"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=/docs")
    assert "basic" not in anyone.get("/page/alive").headers["www-authenticate"].lower()


def test_a_session_is_a_random_cookie_out_of_reach_and_ends_everywhere_when_signed_out(
    anyone: httpx.Client, signed_in: SignIn
) -> None:
    form = {"token": ALICE, "next": "/docs"}
    reply = anyone.post("/sign-in", data=form, headers={"x-forwarded-proto": "https"})
    kept = reply.headers["set-cookie"]
    assert reply.headers["location"] == "/docs"
    assert all(word in kept for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"))
    assert ALICE not in kept
    client = signed_in(ALICE)
    session = client.cookies[COOKIE]
    assert session not in kept and len(session) > 40
    stolen = {"cookie": f"{COOKIE}={session}"}
    assert anyone.get("/page/alive", headers=stolen).status_code == 200
    assert client.post("/sign-out").headers["location"] == "/sign-in"
    assert anyone.get("/page/alive", headers=stolen).status_code == 401
    anyone.cookies.clear()


@pytest.mark.parametrize("onward", ["//evil.example", "/\\evil.example", "https://evil.example",
                                    "javascript:alert(1)", '/"><script>'])  # fmt: skip
def test_nobody_is_led_elsewhere_after_signing_in(anyone: httpx.Client, onward: str) -> None:
    assert 'name="next" value="/"' in anyone.get("/sign-in", params={"next": onward}).text
    reply = anyone.post("/sign-in", data={"token": BOB, "next": onward})
    anyone.cookies.clear()
    assert reply.headers["location"] == "/"


def test_who_tries_too_many_tokens_waits_and_others_do_not(anyone: httpx.Client) -> None:
    here = {"x-forwarded-for": "192.0.2.7"}
    codes = [anyone.post("/sign-in", data={"token": f"guess {n}"}, headers=here).status_code
             for n in range(12)]  # fmt: skip
    assert codes[:10] == [401] * 10 and 429 in codes[10:]
    right = anyone.post("/sign-in", data={"token": ALICE}, headers=here)
    assert right.status_code == 429 and int(right.headers["retry-after"]) > 0
    assert "Too many wrong tokens" in right.text and "set-cookie" not in right.headers
    there = {"x-forwarded-for": "192.0.2.8"}
    assert anyone.post("/sign-in", data={"token": ALICE}, headers=there).status_code == 303
    anyone.cookies.clear()


def test_no_page_of_another_site_acts_for_who_is_signed_in(
    anyone: httpx.Client, signed_in: SignIn
) -> None:
    client = signed_in(ALICE)
    run = {"input": {"request": "Hello"}}
    assert client.post("/agent/invoke", json=run).status_code == 200
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{anyone.base_url.port}1"):
        for path in ("/agent/invoke", "/gradio_api/queue/join", "/sign-out", "/sign-in"):
            reply = client.post(path, json=run, headers={"origin": origin})
            assert reply.status_code == 403, (origin, path)
    bare = {"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    assert anyone.post("/agent/invoke", json=run, headers=bare).status_code == 403
    assert client.get("/page/alive").status_code == 200


def test_a_cookie_opens_what_its_owner_has_and_nothing_of_another_token(
    anyone: httpx.Client, signed_in: SignIn
) -> None:
    bearer = {"authorization": f"Bearer {ALICE}"}
    made = upload(anyone, SCENE, headers=bearer)
    run = {"input": {"request": "Hello", "thread_id": "diary"}}
    assert anyone.post("/agent/invoke", json=run, headers=bearer).status_code == 200
    alice, bob = signed_in(ALICE), signed_in(BOB)
    for path in (f"/files/{made}", "/threads/diary"):
        assert alice.get(path).status_code == 200
        assert bob.get(path).status_code == 404
    wrong = alice.get("/threads/diary", headers={"authorization": "Bearer " + "x" * 20})
    assert wrong.status_code == 401


def test_another_owners_thread_upload_and_result_do_not_exist_on_the_page(
    signed_in: SignIn,
) -> None:
    alice, bob = signed_in(ALICE), signed_in(BOB)
    known = {"thread": THREAD, "chats": []}
    (own,) = alice.post("/gradio_api/upload", files={"files": ("own.txt", SECRET.encode())}).json()
    given = [{"path": own, "meta": {"_type": "gradio.FileData"}}]
    assert "with 4711" in asked(alice, "Summarize this text", given, known)
    (scene,) = alice.post(
        "/gradio_api/upload", files={"files": ("scene.png", SCENE.read_bytes())}
    ).json()
    picture = [{"path": scene, "meta": {"_type": "gradio.FileData"}}]
    told = asked(alice, "Find the objects in the picture", picture, known)
    (drawn,) = set(re.findall(r"gradio_api/file=(/[^\"\\]*/made/[^\"\\]*)", told))
    for path in (own, scene, drawn):
        assert alice.get(f"/gradio_api/file={path}").status_code == 200
        assert bob.get(f"/gradio_api/file={path}").status_code == 403
    assert "not uploaded here" in asked(bob, "Summarize this text", given, known)
    assert "not uploaded here" in asked(bob, "Hi", [], {**known, "x": given[0]})
    for request in (f"Summarize {own}", f"Find the objects in {drawn}", "Summarize it again"):
        told = asked(bob, request, [], known)
        assert "hg-answer" in told and "with 4711" not in told and "orange heart" not in told


def test_a_session_outlives_the_process_and_not_its_token_nor_the_fiftieth_after_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "server" / "sessions.json"
    first = Sessions(path, ["a", "b"]).begin("a")
    assert first not in path.read_text() and path.stat().st_mode & 0o077 == 0
    again = Sessions(path, ["a", "b"])
    assert again.owner(first) == "a"
    assert Sessions(path, ["b"]).owner(first) == ""
    other = again.begin("b")
    for _ in range(PER_OWNER):
        again.begin("a")
    assert (again.owner(first), again.owner(other)) == ("", "b")
    kept = {key: ["b", 1.0] for key in json.loads(path.read_text())}
    path.write_text(json.dumps(kept))
    assert Sessions(path, ["a", "b"]).owner(other) == ""  # long over
    path.write_text("{")
    assert Sessions(path, ["a"]).owner(first) == ""


@pytest.mark.slow
def test_two_people_sign_in_by_keyboard_and_a_forged_thread_shows_nothing(
    anyone: httpx.Client,
) -> None:
    address = str(anyone.base_url)
    with browser() as chromium:

        def sign_in(token: str, **look: Any) -> tuple[Any, list[str]]:
            tab, wrong = chromium.new_context(**look).new_page(), list[str]()
            tab.set_default_timeout(60_000)
            tab.on("pageerror", lambda error: wrong.append(str(error)))
            tab.goto(address)
            assert "/sign-in" in tab.url
            tab.keyboard.type("a token that nobody has")
            tab.keyboard.press("Enter")
            assert "not known" in tab.inner_text("[role=alert]")
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
            tab.keyboard.type(token)
            tab.keyboard.press("Tab")
            tab.keyboard.press("Enter")
            tab.wait_for_selector(".hg-welcome, .hg-turn")
            assert tab.evaluate("document.cookie") == ""
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
            return tab, wrong

        small = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
        alice, wrong = sign_in(ALICE)
        joined = []
        alice.on("request", lambda r: joined.append(r) if "queue/join" in r.url else None)
        picture = {"name": "scene.png", "mimeType": "image/png", "buffer": SCENE.read_bytes()}
        ask(alice, "Find the objects in the picture", [picture])
        alice.wait_for_selector("#result-0 img")
        alice.wait_for_selector(".hg-answer")
        shown = alice.evaluate("[...document.querySelectorAll('#hg-talk img')].map((i) => i.src)")
        assert len(shown) == 2
        alice.reload()  # which sends what the browser kept
        alice.wait_for_selector(".hg-answer")
        thread = joined[-1].post_data_json["data"][0]["thread"]
        bob, more = sign_in(BOB, **small)

        def forge(route: Any) -> None:
            sent = route.request.post_data_json
            sent["data"][0] = {"thread": thread, "chats": [{"id": thread, "title": "mine"}]}
            route.continue_(post_data=json.dumps(sent))

        bob.route("**/queue/join*", forge)
        bob.reload()
        bob.wait_for_selector(".hg-menu")  # the server took the forged state
        edge = "document.querySelector('[data-leave]').getBoundingClientRect().right"
        assert bob.evaluate(edge) <= 390
        assert bob.locator(".hg-welcome").count() == 1 and bob.locator(".hg-turn").count() == 0
        fetched = [bob.evaluate("url => fetch(url).then((r) => r.status)", url) for url in shown]
        assert fetched == [403, 403]
        alice.click("[data-leave]")
        alice.wait_for_selector("#token")
        alice.go_back()
        alice.wait_for_selector("#token")
        alice.fill("#token", BOB)  # the next person at the same browser
        alice.keyboard.press("Enter")
        alice.wait_for_selector(".hg-welcome")
        assert alice.locator(".hg-menu").count() == 0
        alice.click("[data-leave]")
        alice.fill("#token", ALICE)
        alice.keyboard.press("Enter")
        alice.wait_for_selector(".hg-answer")
        assert wrong == [] and more == []
