// Leaving at once: a click, or Shift three times within five seconds. Without this module the link still works.

const PRESSES = 3;
const WITHIN_MS = 5000;
const link = document.querySelector("[data-quick-exit]");
const status = document.querySelector("[data-exit-status]");

/** Hides the page, empties what the tab holds, and replaces it in the history. */
export function leave() {
  document.documentElement.classList.add("leaving");
  // A zero-width space: an empty title would make the tab show the address.
  document.title = "\u200b";
  for (const form of document.forms) form.reset();
  try {
    sessionStorage.clear();
  } catch {
    // Storage may be switched off; leaving matters more.
  }
  // Sent by the browser even when the page is gone: what was typed so far is forgotten on the other side too.
  if (link.dataset.leave) navigator.sendBeacon?.(link.dataset.leave);
  location.replace(link.dataset.quickExit || link.href);
}

function watchShift() {
  let presses = [];
  let alone = false;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Shift") {
      // Shift was used to write a capital, not to leave.
      alone = false;
      presses = [];
    } else if (!event.repeat) {
      alone = true;
    }
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== "Shift" || !alone) return;
    alone = false;
    const now = performance.now();
    presses = [...presses.filter((at) => now - at < WITHIN_MS), now];
    const left = PRESSES - presses.length;
    if (status) status.textContent = status.getAttribute(`data-words-${left}`) ?? "";
    if (left <= 0) leave();
  });
}

if (link) {
  link.setAttribute("role", "button");
  link.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  link.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      event.preventDefault();
      leave();
    }
  });
  watchShift();
  document.querySelector("[data-exit-hint]")?.removeAttribute("hidden");
  // A page brought back from the browser's memory after leaving must not show itself.
  addEventListener("pageshow", (event) => {
    if (event.persisted && document.documentElement.classList.contains("leaving")) {
      location.replace(link.dataset.quickExit || link.href);
    }
  });
}
