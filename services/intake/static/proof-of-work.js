// Does the small work that is asked for when many reports come from one network, then sends the form by itself.
// SHA-256 by hand (FIPS 180-4): the browser's own answers one digest at a time by promise, which takes longer here.

const CHUNK_MS = 20;
const form = document.querySelector("[data-proof-of-work]");
const status = document.querySelector("[data-proof-of-work-status]");

const K = new Uint32Array(64);
const START = new Uint32Array(8);
fill();

/** The constants: the first bits of the roots of primes. */
function fill() {
  const bits = (root) => Math.floor((root - Math.floor(root)) * 2 ** 32);
  for (let candidate = 2, found = 0; found < 64; candidate += 1) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) if (candidate % divisor === 0) prime = false;
    if (!prime) continue;
    if (found < 8) START[found] = bits(Math.sqrt(candidate));
    K[found] = bits(Math.cbrt(candidate));
    found += 1;
  }
}

const words = new Uint32Array(64);

/** The first 32 bits of the digest of an ASCII text of at most 55 characters. */
export function digest(text) {
  words.fill(0, 0, 16);
  for (let at = 0; at < text.length; at += 1) words[at >> 2] |= text.charCodeAt(at) << (24 - 8 * (at & 3));
  words[text.length >> 2] |= 0x80 << (24 - 8 * (text.length & 3));
  words[15] = text.length * 8;
  for (let at = 16; at < 64; at += 1) {
    const first = words[at - 15];
    const last = words[at - 2];
    const one = ((first >>> 7) | (first << 25)) ^ ((first >>> 18) | (first << 14)) ^ (first >>> 3);
    const two = ((last >>> 17) | (last << 15)) ^ ((last >>> 19) | (last << 13)) ^ (last >>> 10);
    words[at] = (words[at - 16] + one + words[at - 7] + two) | 0;
  }
  let [a, b, c, d, e, f, g, h] = START;
  for (let at = 0; at < 64; at += 1) {
    const one = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const next = (h + one + ((e & f) ^ (~e & g)) + K[at] + words[at]) | 0;
    const two = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const other = (two + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + next) | 0;
    d = c;
    c = b;
    b = a;
    a = (next + other) | 0;
  }
  return (a + START[0]) >>> 0;
}

/** The numbers that solve the puzzles, found in small pieces so that the page stays alive. */
async function solved(seed, puzzles, bits) {
  const numbers = [];
  let number = 0;
  while (numbers.length < puzzles) {
    const until = performance.now() + CHUNK_MS;
    while (numbers.length < puzzles && performance.now() < until) {
      for (let tries = 0; tries < 64 && numbers.length < puzzles; tries += 1, number += 1) {
        if (digest(`${seed}.${numbers.length}.${number}`) >>> (32 - bits) === 0) {
          numbers.push(number);
          number = -1;
        }
      }
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
  return numbers.join(",");
}

if (form) {
  status.textContent = status.dataset.said;
  const { seed, puzzles, bits } = form.dataset;
  const began = performance.now();
  solved(seed, Number(puzzles), Number(bits)).then((answer) => {
    form.elements.challenge_answer.value = answer;
    form.dataset.took = String(Math.round(performance.now() - began));
    form.submit();
  });
}
