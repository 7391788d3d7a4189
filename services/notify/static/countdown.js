// Counts down to the next step of each row: to the second within the last hour, in words before, "late" after.

const HOUR_MS = 3600000;
const korean = document.documentElement.lang === "ko";

function words(left) {
  const seconds = Math.floor(Math.abs(left) / 1000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  if (korean) return `${minutes ? `${minutes}분 ` : ""}${rest}초 ${left >= 0 ? "후" : "지남"}`;
  const length = `${minutes ? `${minutes} min ` : ""}${rest} s`;
  return left >= 0 ? `in ${length}` : `${length} late`;
}

/** Bring the countdowns below `root` up to date. */
export function count(root, now = Date.now()) {
  for (const time of root.querySelectorAll(".countdown time:is([data-time=relative], [data-time=counting])")) {
    const left = Date.parse(time.dateTime) - now;
    const near = Math.abs(left) < HOUR_MS;
    // The other clock of the page leaves alone what is counted here.
    time.dataset.time = near ? "counting" : "relative";
    const shown = near ? words(left) : time.textContent;
    if (time.textContent !== shown) time.textContent = shown;
  }
}

if (document.querySelector(".story .countdown")) setInterval(() => count(document), 1000);
