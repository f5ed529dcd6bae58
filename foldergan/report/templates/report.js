"use strict";

// The slider over the saves, and its animation.
const frames = [...document.querySelectorAll(".frame")];
if (frames.length) {
  const slider = document.getElementById("epoch");
  const label = document.getElementById("epoch-label");
  const play = document.getElementById("play");
  let timer = null;

  const show = () => {
    const chosen = Number(slider.value);
    frames.forEach((frame, number) => { frame.hidden = number !== chosen; });
    label.textContent = frames[chosen].dataset.label;
    slider.setAttribute("aria-valuetext", frames[chosen].dataset.label);
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  };
  const step = () => {
    slider.value = Number(slider.value) + 1;
    show();
    if (Number(slider.value) === frames.length - 1) stop();
  };
  play.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (Number(slider.value) === frames.length - 1) slider.value = 0;
    show();
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(step, Math.max(120, Math.min(500, 8000 / frames.length)));
  });
  slider.addEventListener("input", () => { stop(); show(); });
  play.disabled = slider.disabled = frames.length < 2;
  show();
}

// A cell of the confusion matrix opens its pictures; chosen again it closes them.
const cells = [...document.querySelectorAll("[data-cell]")];
for (const cell of cells) {
  cell.addEventListener("click", () => {
    const opens = cell.getAttribute("aria-expanded") === "false";
    for (const each of cells) {
      const isOpen = opens && each === cell;
      each.setAttribute("aria-expanded", String(isOpen));
      document.getElementById(`cell-${each.dataset.cell}`).hidden = !isOpen;
    }
  });
}

// Generated pictures: filtered by class, sorted by confidence.
const list = document.getElementById("generated-pictures");
if (list) {
  const items = [...list.children];
  const choices = ["intended", "predicted"]
    .map((name) => document.getElementById(name)).filter(Boolean);
  const order = document.getElementById("order");
  const orders = {
    surest: (a, b) => b.dataset.probability - a.dataset.probability,
    least: (a, b) => a.dataset.probability - b.dataset.probability,
    drawn: (a, b) => a.dataset.number - b.dataset.number,
  };
  const update = () => {
    items.sort(orders[order.value]);
    for (const item of items) {
      item.hidden = choices.some(({ id, value }) => value && item.dataset[id] !== value);
    }
    list.append(...items);
    const count = items.filter((item) => !item.hidden).length;
    document.getElementById("shown").textContent = `${count} shown`;
  };
  for (const each of [...choices, order]) each.addEventListener("change", update);
  update(); // a browser may have kept the choices over a reload
}
