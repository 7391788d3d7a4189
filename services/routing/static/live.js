// Keeps the live page live: cells and map in place, the order only while nobody is in the table. Works without this.

import { follow } from "./live-stream.js";

const root = document.querySelector(".live");
const table = document.getElementById("table");
const rows = document.getElementById("rows");
const live = document.getElementById("live");
const PATTERNS = { hidden: "url(#map-hidden)", unstaffed: "url(#map-unstaffed)" };
const received = new Map();
let order = null;

/** Whether somebody points at the table, is in it, or reads it out. */
function held() {
  return table.matches(":hover") || table.contains(document.activeElement);
}

function arrange() {
  if (!order) return;
  const now = [...rows.children].map((row) => row.dataset.center);
  if (now.join() === order.join()) {
    order = null;
    say("");
    return;
  }
  if (held()) return say(root.dataset.held);
  for (const id of order) rows.append(document.getElementById(`center-${id}`));
  order = null;
  say("");
}

function say(text) {
  if (live.textContent !== text) live.textContent = text;
}

function made(html) {
  const shell = document.createElement("template");
  shell.innerHTML = html.trim();
  return shell.content;
}

// Cell by cell, and only those that differ from what came before: what did not change does not move.
function fillRow(id, html) {
  const fresh = [...made(html).firstElementChild.children];
  const shown = [...document.getElementById(`center-${id}`).children];
  fresh.forEach((cell, at) => {
    const key = `${id}/${at}`;
    const before = received.get(key);
    received.set(key, cell.outerHTML);
    if (before === cell.outerHTML) return;
    shown[at].className = cell.className;
    shown[at].replaceChildren(...cell.childNodes);
    if (before !== undefined) shown[at].classList.add("fresh");
  });
}

function fillPlace(id, place) {
  const group = document.querySelector(`.map-place[data-place="${id}"]`);
  const name = document.querySelector(`.map-name[data-place="${id}"]`);
  if (!group || !name) return;
  group.setAttribute("class", `map-place ${place.css}`);
  name.setAttribute("class", `map-name ${place.css}`);
  group.querySelector("title").textContent = place.title;
  name.querySelector(".map-note").textContent = place.note;
  const shape = group.querySelector("path");
  if (PATTERNS[place.css]) shape.setAttribute("fill", PATTERNS[place.css]);
  else shape.removeAttribute("fill");
}

function fill(parts) {
  for (const [name, part] of Object.entries(parts)) {
    const [kind, id] = name.split(":");
    if (kind === "row") fillRow(id, part);
    else if (kind === "place") fillPlace(id, part);
    else if (kind === "order") order = part;
    else document.getElementById(kind)?.replaceChildren(made(part));
  }
  arrange();
}

table.addEventListener("pointerleave", arrange);
table.addEventListener("focusout", () => setTimeout(arrange));
rows.addEventListener("animationend", (event) => event.target.classList.remove("fresh"));

follow(`/api/v1/centers/live/stream?html=true&sort=${encodeURIComponent(root.dataset.sort)}`, { parts: fill }, {
  onLive: () => { root.dataset.live = "yes"; say(""); },
  onLost: () => { root.dataset.live = "no"; say(root.dataset.lost); },
});
