/** What is left of a front end's requests, as the server told it with its last answer. */
export interface RateLimit {
  /** Requests in a window. */
  readonly limit: number;
  readonly windowSeconds: number;
  readonly remaining: number;
  /** Seconds until the whole limit is there again, if nothing is sent. */
  readonly fullInSeconds: number;
}

/** What the headers `RateLimit-Policy` and `RateLimit` tell; undefined where they tell nothing, as for `getProofKey`. */
export function rateLimitOf(headers: Headers): RateLimit | undefined {
  const policy = /^"([^"]*)";q=(\d+);w=(\d+)$/.exec(headers.get("ratelimit-policy") ?? "");
  const left = /^"([^"]*)";r=(\d+);t=(\d+)$/.exec(headers.get("ratelimit") ?? "");
  if (!policy || !left || policy[1] !== left[1]) return undefined;
  return {
    limit: Number(policy[2]),
    windowSeconds: Number(policy[3]),
    remaining: Number(left[2]),
    fullInSeconds: Number(left[3]),
  };
}
