/** A random UUID, where `crypto` is a global: browsers, Deno, Bun, workers. */
export const randomUUID = (): string => crypto.randomUUID();
/** Web Crypto. */
export const subtle = (): SubtleCrypto => crypto.subtle;
