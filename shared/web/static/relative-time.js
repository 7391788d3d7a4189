// Keeps "3 minutes ago" true while a page stays open; a click on it shows the exact time, another goes back.

const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const THRESHOLD = 1.2; // as on the server (Babel's format_timedelta)
const JUST_NOW_S = 45;
const EVERY_MS = 15000;

const language = document.documentElement.lang;
const words = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const justNow = language === "ko" ? "방금" : "just now";

/** The words for a moment, seen from now; both in milliseconds since 1970. */
export function relative(moment, now) {
  const seconds = (moment - now) / 1000;
  const size = Math.abs(seconds);
  if (size < JUST_NOW_S) return justNow;
  const [unit, length] = UNITS.find(([, long]) => size / long >= THRESHOLD) ?? ["second", 1];
  return words.format(Math.sign(seconds) * Math.max(1, Math.round(size / length)), unit);
}

/** Brings all relative times below an element up to date. */
export function refresh(root = document, now = Date.now()) {
  for (const time of root.querySelectorAll("time[data-time=relative]")) {
    const text = relative(Date.parse(time.dateTime), now);
    if (time.textContent !== text) time.textContent = text;
  }
}

document.addEventListener("click", (event) => {
  const time = event.target.closest?.("time[data-time]");
  if (!time || event.target.closest("a, button, summary, label")) return;
  if (time.dataset.time === "relative") {
    time.dataset.time = "shown";
    time.textContent = time.title;
  } else if (time.dataset.time === "shown") {
    time.dataset.time = "relative";
    refresh(time.parentElement);
  }
});

setInterval(() => refresh(), EVERY_MS);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
