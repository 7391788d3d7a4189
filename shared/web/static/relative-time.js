// Keeps "3 minutes ago" and "for 3 minutes" true while a page stays open; a click on it shows the exact time, another goes back.

const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const THRESHOLD = 1.2; // as on the server (Babel's format_timedelta)
const JUST_NOW_S = 45;
const EVERY_MS = 15000;

const language = document.documentElement.lang;
const words = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const justNow = language === "ko" ? "방금" : "just now";

function largest(size) {
  const [unit, length] = UNITS.find(([, long]) => size / long >= THRESHOLD) ?? ["second", 1];
  return [Math.max(1, Math.round(size / length)), unit];
}

/** The words for a moment, seen from now; both in milliseconds since 1970. */
export function relative(moment, now) {
  const seconds = (moment - now) / 1000;
  if (Math.abs(seconds) < JUST_NOW_S) return justNow;
  const [count, unit] = largest(Math.abs(seconds));
  return words.format(Math.sign(seconds) * count, unit);
}

/** How long something has lasted since a moment; both in milliseconds since 1970. */
export function elapsed(moment, now) {
  const seconds = (now - moment) / 1000;
  if (seconds < JUST_NOW_S) return justNow;
  const [count, unit] = largest(seconds);
  const length = new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count);
  return language === "ko" ? `${length}째` : length;
}

const WORDS = { relative, elapsed };

/** Brings all relative times below an element up to date. */
export function refresh(root = document, now = Date.now()) {
  for (const time of root.querySelectorAll("time[data-time=relative], time[data-time=elapsed]")) {
    const text = WORDS[time.dataset.time](Date.parse(time.dateTime), now);
    if (time.textContent !== text) time.textContent = text;
  }
}

document.addEventListener("click", (event) => {
  const time = event.target.closest?.("time[data-time]");
  if (!time || event.target.closest("a, button, summary, label")) return;
  if (time.dataset.time in WORDS) {
    time.dataset.before = time.dataset.time;
    time.dataset.time = "shown";
    time.textContent = time.title;
  } else if (time.dataset.time === "shown") {
    time.dataset.time = time.dataset.before;
    refresh(time.parentElement);
  }
});

setInterval(() => refresh(), EVERY_MS);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
