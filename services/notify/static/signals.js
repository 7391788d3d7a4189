// A sound and a notification of the browser when a case arrives, each only where it is wished for.

const QUIET_MS = 2000;
let last = -QUIET_MS;

/** Signal once for all that arrives within two seconds. What is shown on the screen of a desk says nothing of a case. */
export function signal(wishes, root) {
  if (performance.now() - last < QUIET_MS) return;
  last = performance.now();
  if (wishes.sound) sound();
  if (wishes.notes && "Notification" in window && Notification.permission === "granted") {
    // Without "renotify" it takes the place of one that nobody has closed yet, and nobody hears or sees it come.
    new Notification(root.dataset.arrived, { tag: `ieum-${root.dataset.center}`, renotify: true });
  }
}

function sound() {
  const context = new AudioContext();
  const tone = context.createOscillator();
  const loudness = context.createGain();
  tone.frequency.value = 660;
  loudness.gain.setValueAtTime(0.08, context.currentTime);
  loudness.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.4);
  tone.connect(loudness).connect(context.destination);
  tone.addEventListener("ended", () => context.close());
  tone.start();
  tone.stop(context.currentTime + 0.4);
}
