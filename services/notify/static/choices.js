// What this browser may do by itself: kept in this browser, never sent anywhere.

const KEPT = "ieum.console.";
const FIRST = { keys: true, sound: false, notes: false };

/** The choices of the settings box; the box is shown, since without scripts it would be of no use. */
export function choices(box) {
  const chosen = { ...FIRST };
  for (const name of Object.keys(FIRST)) {
    const tick = document.getElementById(`s-${name}`);
    try {
      const kept = localStorage.getItem(KEPT + name);
      if (kept !== null) chosen[name] = kept === "yes";
    } catch {
      // A browser that keeps nothing starts with the first choices each time.
    }
    tick.checked = chosen[name];
    tick.addEventListener("change", async () => {
      if (name === "notes" && tick.checked && !(await permitted())) tick.checked = false;
      chosen[name] = tick.checked;
      try {
        localStorage.setItem(KEPT + name, tick.checked ? "yes" : "no");
      } catch {
        // As above.
      }
    });
  }
  box.hidden = false;
  return chosen;
}

async function permitted() {
  return "Notification" in window && (await Notification.requestPermission()) === "granted";
}
