// Follows a stream of server-sent events for as long as its page is open, and comes back by itself whenever it can.
//
// The browser reconnects a stream that breaks. One that is refused it does not try again: then this asks the page
// itself whether the person is still signed in, listens again where they are, and leads to the sign-in where not.

// A computer that slept, or a network that went without a word, leaves a stream open on which nothing comes any more:
// no browser says so for many minutes. The server says `ping` every 15 seconds, and here its silence counts from the
// first one on: while builds are replaced, a process of the earlier one says it in a comment, which no script hears.

/** The least; at most twice as much, so that pages which lost the same service do not all ask at once. */
const AGAIN_MS = 3000;
const SILENT_MS = 40000;
const ANSWER_MS = 10000;

/**
 * Follow `address`. `handlers` maps names of events to functions of their parsed data; `onLive` and `onLost` hear
 * whether what the page shows can be relied on.
 */
export function follow(address, handlers, { onLive, onLost }) {
  // With its name this page takes its old place among those its person may have open, though the line it had looks open.
  const tab = crypto.getRandomValues(new Uint32Array(4)).join("-");

  function listen() {
    const source = new EventSource(`${address}&tab=${tab}`);
    let heard = Infinity;
    // By the clock on the wall, which goes on while a computer sleeps.
    const watch = setInterval(() => {
      if (Date.now() - heard <= SILENT_MS) return;
      leave();
      onLost();
      comeBack();
    }, 1000);
    const leave = () => {
      clearInterval(watch);
      source.close();
    };
    source.addEventListener("open", () => {
      heard = Infinity;
      onLive();
    });
    source.addEventListener("ping", () => { heard = Date.now(); });
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
    source.addEventListener("reconnect", (event) => {
      if (JSON.parse(event.data).reason !== "signed_out") return;
      leave();
      comeBack();
    });
    source.addEventListener("error", () => {
      onLost();
      if (source.readyState !== EventSource.CLOSED) return;
      leave();
      comeBackLater();
    });
  }

  async function comeBack() {
    try {
      const answer = await fetch(location.href, { redirect: "manual", headers: { Accept: "text/html" }, signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.ok) return void listen();
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return location.reload();
    } catch {
      // The service is away: try again.
    }
    onLost();
    comeBackLater();
  }

  function comeBackLater() {
    setTimeout(comeBack, AGAIN_MS * (1 + Math.random()));
  }

  listen();
}
