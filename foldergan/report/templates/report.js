"use strict";

const byId = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];

// The slider over the checkpoints, and its animation.
const frames = all(".frame");
if (frames.length > 1) {
  const [slider, label, play] = ["epoch", "epoch-label", "play"].map(byId);
  const last = frames.length - 1;
  let timer = null;

  const show = (chosen) => {
    slider.value = chosen;
    frames.forEach((frame, number) => { frame.hidden = number !== chosen; });
    label.textContent = frames[chosen].dataset.label;
    slider.setAttribute("aria-valuetext", label.textContent);
  };
  const run = (starts) => {
    clearInterval(timer);
    timer = starts ? setInterval(step, Math.max(120, Math.min(500, 8000 / last))) : null;
    play.textContent = starts ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(starts));
  };
  const step = () => {
    show(Number(slider.value) + 1);
    if (Number(slider.value) === last) run(false);
  };
  play.addEventListener("click", () => {
    const starts = timer === null;
    if (starts) show(Number(slider.value) % last);
    run(starts);
  });
  slider.addEventListener("input", () => { run(false); show(Number(slider.value)); });
  show(Number(slider.value)); // a browser may have kept it over a reload
}

// A cell of the confusion matrix opens its images; chosen again it closes them.
const cells = all("[data-cell]");
for (const cell of cells) {
  cell.addEventListener("click", () => {
    const opens = cell.getAttribute("aria-expanded") === "false";
    for (const each of cells) {
      const isOpen = opens && each === cell;
      each.setAttribute("aria-expanded", String(isOpen));
      byId(`cell-${each.dataset.cell}`).hidden = !isOpen;
    }
  });
}

// Generated images: filtered by class, sorted by confidence.
const list = byId("generated-images");
if (list) {
  const items = [...list.children];
  const choices = ["intended", "predicted"].map(byId).filter(Boolean);
  const orders = {
    surest: (a, b) => b.dataset.probability - a.dataset.probability,
    least: (a, b) => a.dataset.probability - b.dataset.probability,
    drawn: (a, b) => a.dataset.number - b.dataset.number,
  };
  const update = () => {
    items.sort(orders[byId("order").value]);
    for (const item of items) {
      item.hidden = choices.some(({ id, value }) => value && item.dataset[id] !== value);
    }
    list.append(...items);
    byId("shown").textContent = `${items.filter((item) => !item.hidden).length} shown`;
  };
  for (const each of [...choices, byId("order")]) each.addEventListener("change", update);
  update(); // a browser may have kept the choices over a reload
}

// What is wider than the screen says so, also in a part that is opened later.
const wide = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    target.nextElementSibling.hidden = target.scrollWidth <= target.clientWidth;
  }
});
for (const each of all(".wide > .scroll")) wide.observe(each);

addEventListener("beforeprint", () => {
  for (const each of all("details")) each.open = true;
});
