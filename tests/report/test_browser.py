"""The page in a real browser, without a screen."""

import time

import chromium
import pytest
import report_folder
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from foldergan.storage import filenames

pytestmark = chromium.needed

# Each text with its colour, that of the background it stands on, and its contrast.
CONTRASTS = """
const channels = (text) => {
  const numbers = text.match(/[\\d.]+/g).map(Number);
  return numbers.length === 4 ? numbers : [...numbers, 1];
};
const light = (rgb) => {
  const [r, g, b] = rgb.slice(0, 3).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour[3] === 1) return colour;
    if (colour[3] !== 0) throw new Error("a background is translucent");
  }
  throw new Error("nothing is behind " + element.outerHTML);
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.data.trim();
  if (!text || element.closest("script, noscript, title, style")) continue;
  const style = getComputedStyle(element);
  const ink = element.closest("svg") ? style.fill : style.color;
  const pair = [light(channels(ink)), light(behind(element))].sort((a, b) => b - a);
  found.push([text, (pair[0] + 0.05) / (pair[1] + 0.05)]);
}
return found;
"""


@pytest.fixture(scope="module")
def page(filled):
    return (filled / filenames.REPORT).as_uri()


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    with chromium.started(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def browser(started, page):
    """A browser that has just opened the page, on a desktop, in light colours."""
    set_up(started, 1280, "light")
    started.get(page)
    WebDriverWait(started, 30).until(lambda _: shown(started, "footer"))  # laid out
    yield started
    assert started.get_log("browser") == []


def set_up(driver, width: int, scheme: str) -> None:
    # Of reduced motion there is no scrolling to wait for.
    preferences = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in preferences.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1}
    size["mobile"] = width < 600
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def shown(browser, selector: str) -> list:
    return [
        e for e in browser.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()
    ]


def frame_of(browser) -> str:
    (frame,) = shown(browser, ".frame")
    return frame.get_dom_attribute("data-label")


def confidences(browser) -> list[float]:
    items = shown(browser, "#generated-images li")
    return [float(item.get_dom_attribute("data-probability")) for item in items]


def test_the_slider_moves_through_the_checkpoints_by_keyboard(browser):
    slider = browser.find_element(By.ID, "epoch")
    label = browser.find_element(By.ID, "epoch-label")
    assert frame_of(browser) == label.text == "epoch 4"
    slider.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert frame_of(browser) == label.text == "epoch 2, the best checkpoint"
    assert slider.get_dom_attribute("aria-valuetext") == label.text
    slider.send_keys(Keys.HOME)
    assert frame_of(browser) == "epoch 1"


def test_the_animation_plays_to_the_end_and_pauses(browser):
    play = browser.find_element(By.ID, "play")
    play.click()
    assert play.text == "Pause" and frame_of(browser) != "epoch 4"
    WebDriverWait(browser, 30).until(lambda _: play.text == "Play")
    assert frame_of(browser) == "epoch 4"
    play.click()
    play.click()
    assert play.text == "Play"
    stopped_at = frame_of(browser)
    time.sleep(0.7)  # longer than a frame is shown
    assert frame_of(browser) == stopped_at != "epoch 4"


def test_a_cell_of_the_confusion_matrix_opens_its_images(browser):
    assert shown(browser, ".panel") == []
    cell = browser.find_element(By.CSS_SELECTOR, "[data-cell='0-1']")
    cell.send_keys(Keys.ENTER)
    (panel,) = shown(browser, ".panel")
    assert cell.get_dom_attribute("aria-controls") == panel.get_dom_attribute("id")
    assert cell.get_dom_attribute("aria-expanded") == "true"
    assert f"boat, predicted as {report_folder.NASTY}: 1" in panel.text
    assert len(panel.find_elements(By.TAG_NAME, "img")) == int(cell.text) == 1
    browser.find_element(By.CSS_SELECTOR, "[data-cell='0-0']").click()
    (panel,) = shown(browser, ".panel")
    assert len(panel.find_elements(By.TAG_NAME, "img")) == 11
    browser.find_element(By.CSS_SELECTOR, "[data-cell='0-0']").click()
    assert shown(browser, ".panel") == []


def test_generated_images_are_filtered_and_sorted(browser):
    def choose(name: str, text: str) -> int:
        Select(browser.find_element(By.ID, name)).select_by_visible_text(text)
        count = len(shown(browser, "#generated-images li"))
        assert browser.find_element(By.ID, "shown").text == f"{count} shown"
        return count

    assert confidences(browser) == sorted(confidences(browser), reverse=True)
    choose("order", "least sure first")
    assert confidences(browser) == sorted(confidences(browser))
    assert choose("predicted", "boat") == 4
    assert choose("predicted", report_folder.NASTY) == 4
    assert choose("intended", "boat") == 0
    assert choose("predicted", "all") == 4
    assert choose("intended", "all") == 12
    choose("order", "as drawn")
    numbers = [
        int(item.get_dom_attribute("data-number"))
        for item in shown(browser, "#generated-images li")
    ]
    assert numbers == list(range(1, 13))


def test_every_image_is_drawn_and_has_an_alternative_text(browser):
    images = browser.execute_script(
        "return [...document.images].map((i) => [i.alt, i.naturalWidth])"
    )
    assert len(images) > 60 and all(alt.strip() and width for alt, width in images)
    charts = [alt for alt, _ in images if ", epoch 1 to " in alt]
    assert len(charts) == 6


def test_text_can_be_read_in_both_colour_schemes(browser):
    """That of every shade of a cell too."""
    browser.execute_script("""
        document.querySelectorAll("details").forEach((d) => { d.open = true; });
        const row = document.querySelector(".matrix tbody tr");
        for (const kind of ["right", "wrong"]) {
          for (const level of [1, 2, 3, 4, 5]) {
            row.insertCell().innerHTML =
              `<button class="cell ${kind} h${level}">nine</button>`;
          }
        }
    """)
    for scheme in ("light", "dark"):
        set_up(browser, 1280, scheme)
        found = browser.execute_script(CONTRASTS)
        assert len(found) > 200 and sum(text == "nine" for text, _ in found) == 10
        assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_of_a_chart_can_be_read_on_the_page(browser, scheme):
    set_up(browser, 1280, scheme)
    page = browser.execute_script("return getComputedStyle(document.body).background")
    chart = browser.find_element(By.CSS_SELECTOR, ".chart img")
    browser.get(chart.get_dom_attribute("src"))
    browser.execute_script(f"document.documentElement.style.background = '{page}'")
    found = browser.execute_script(CONTRASTS.replace("document.body", "document"))
    assert {"epoch", "1", "2", "3"} <= {text for text, _ in found}
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []


def test_what_can_be_scrolled_sideways_says_so(browser):
    for width, has_hint in ((1280, False), (390, True)):
        set_up(browser, width, "light")
        part = browser.find_element(By.CSS_SELECTOR, "[aria-label='Confusion matrix']")
        hint = part.find_element(By.XPATH, "following-sibling::p")
        WebDriverWait(browser, 30).until(lambda _: hint.is_displayed() == has_hint)  # noqa: B023


def test_on_paper_everything_is_there(browser):
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.find_elements(By.CSS_SELECTOR, "details:not([open])") == []


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_does_not_scroll_sideways(browser, width):
    set_up(browser, width, "light")
    browser.execute_script(
        "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
    )
    wide = browser.execute_script("""
        return [...document.querySelectorAll("body *")]
          .filter((e) => !e.closest(".scroll *") && !e.classList.contains("skip"))
          .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5)
          .map((e) => e.outerHTML.slice(0, 100));
    """)
    assert wide == []
    assert (
        browser.execute_script("return document.documentElement.scrollWidth") == width
    )


def test_on_a_phone_each_choice_stands_beside_its_name(browser):
    set_up(browser, 390, "light")
    apart = browser.execute_script("""
        return [...document.querySelectorAll("select")].map((select) => {
          const range = document.createRange();
          range.selectNode(select.labels[0].firstChild);
          const middle = (box) => (box.top + box.bottom) / 2;
          const boxes = [range, select].map((e) => e.getBoundingClientRect());
          return Math.abs(middle(boxes[0]) - middle(boxes[1]));
        });
    """)
    assert len(apart) == 3 and max(apart) < 5


def test_everything_can_be_reached_by_keyboard(browser):
    reached = set()
    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        at = browser.switch_to.active_element
        reached.add(at.get_dom_attribute("id") or at.text)
        outline = at.value_of_css_property("outline-style")
        assert at.tag_name == "body" or outline != "none", at.text
    assert {"play", "epoch", "intended", "predicted", "order"} <= reached
