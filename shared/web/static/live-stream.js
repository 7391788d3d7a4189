// Follows a stream of server-sent events for as long as its page is open, and comes back by itself whenever it can.
//
// The browser reconnects a stream that breaks. One that is refused it does not try again: then this asks the page
// itself whether the person is still signed in, listens again where they are, and leads to the sign-in where not.

const AGAIN_MS = 3000;

/**
 * Follow `address`. `handlers` maps names of events to functions of their parsed data; `onLive` and `onLost` hear
 * whether what the page shows can be relied on.
 */
export function follow(address, handlers, { onLive, onLost }) {
  function listen() {
    const source = new EventSource(address);
    source.addEventListener("open", onLive);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
    source.addEventListener("reconnect", (event) => {
      if (JSON.parse(event.data).reason !== "signed_out") return;
      source.close();
      comeBack();
    });
    source.addEventListener("error", () => {
      onLost();
      if (source.readyState === EventSource.CLOSED) setTimeout(comeBack, AGAIN_MS);
    });
  }

  async function comeBack() {
    try {
      const answer = await fetch(location.href, { redirect: "manual", headers: { Accept: "text/html" } });
      if (answer.ok) return void listen();
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return location.reload();
    } catch {
      // The service is away: try again.
    }
    onLost();
    setTimeout(comeBack, AGAIN_MS);
  }

  listen();
}
