// Node.js 18 has no global `crypto`.
// @ts-expect-error  The package depends on nothing, so Node's types are not there.
import { randomUUID as made, webcrypto } from "node:crypto";

/** A random UUID. */
export const randomUUID: () => string = made;
/** Web Crypto. */
export const subtle = (): SubtleCrypto => webcrypto.subtle;
