// Fingerprints of pictures, worked out here: SHA-256 of the file and, of still pictures, a PDQ hash. The chosen file is
// read in this tab and goes nowhere; it has no name in any form, and only the rows of digits are put into the text field.
//
// PDQ: "PDQ & TMK + PDQF", Facebook, 2019. Brightness, blurred and cut down to 64 x 64, its 16 x 16 lowest frequencies,
// each compared with their median: 256 bits. Bits are written from the last word to the first, as the reference does.

const SIDE = 64;
const KEPT = 16;
const WORK = 512;
const MOST_BYTES = 200 * 1024 * 1024;

/** Lower-case hex of bytes. */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** SHA-256 of a file, in hex. */
export async function exact(file) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer())));
}

/** A running mean along one line of `count` values that lie `step` apart; `window` values wide. */
function blurLine(from, to, start, count, step, window) {
  const half = Math.floor((window + 2) / 2);
  const ahead = half - 1;
  const behind = window - half + 1;
  let sum = 0;
  let inside = 0;
  let read = start;
  let drop = start;
  let write = start;
  const put = () => {
    to[write] = sum / inside;
    write += step;
  };
  const take = () => {
    sum += from[read];
    read += step;
    inside += 1;
  };
  const leave = () => {
    sum -= from[drop];
    drop += step;
    inside -= 1;
  };
  for (let i = 0; i < Math.min(ahead, count); i += 1) take();
  for (let i = 0; i < behind && read < start + count * step; i += 1) {
    take();
    put();
  }
  while (read < start + count * step) {
    take();
    leave();
    put();
  }
  while (write < start + count * step) {
    leave();
    put();
  }
}

/** Twice a mean over boxes: the same as the reference's filter. */
function blur(values, width, height) {
  const other = new Float64Array(values.length);
  const across = Math.floor((width + 2 * SIDE - 1) / (2 * SIDE));
  const down = Math.floor((height + 2 * SIDE - 1) / (2 * SIDE));
  for (let pass = 0; pass < 2; pass += 1) {
    for (let y = 0; y < height; y += 1) blurLine(values, other, y * width, width, 1, across);
    for (let x = 0; x < width; x += 1) blurLine(other, values, x, height, width, down);
  }
}

/** The 256 bits of a picture's brightness values, in hex. */
export function pdq(values, width, height) {
  blur(values, width, height);
  const small = new Float64Array(SIDE * SIDE);
  for (let y = 0; y < SIDE; y += 1) {
    const row = Math.floor(((y + 0.5) * height) / SIDE) * width;
    for (let x = 0; x < SIDE; x += 1) small[y * SIDE + x] = values[row + Math.floor(((x + 0.5) * width) / SIDE)];
  }
  const wave = (k, i) => Math.sqrt(2 / SIDE) * Math.cos((Math.PI / (2 * SIDE)) * (k + 1) * (2 * i + 1));
  const half = new Float64Array(KEPT * SIDE);
  for (let k = 0; k < KEPT; k += 1)
    for (let x = 0; x < SIDE; x += 1) {
      let sum = 0;
      for (let i = 0; i < SIDE; i += 1) sum += wave(k, i) * small[i * SIDE + x];
      half[k * SIDE + x] = sum;
    }
  const low = new Float64Array(KEPT * KEPT);
  for (let k = 0; k < KEPT; k += 1)
    for (let l = 0; l < KEPT; l += 1) {
      let sum = 0;
      for (let i = 0; i < SIDE; i += 1) sum += half[k * SIDE + i] * wave(l, i);
      low[k * KEPT + l] = sum;
    }
  const sorted = Float64Array.from(low).sort();
  const middle = sorted[low.length / 2 - 1];
  const bytes = new Uint8Array(32);
  low.forEach((value, bit) => {
    if (value > middle) bytes[31 - (bit >> 3)] |= 1 << (bit & 7);
  });
  return hex(bytes);
}

/** Brightness of a still picture, at most 512 wide and high. */
async function brightness(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, WORK / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0, width, height);
  picture.close();
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Float64Array(width * height);
  for (let i = 0; i < values.length; i += 1)
    values[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
  return { values, width, height };
}

/** The lines of one file: always its SHA-256, and the PDQ hash of a still picture. */
export async function lines(file) {
  const found = [await exact(file)];
  try {
    const { values, width, height } = await brightness(file);
    found.push(`pdq:${pdq(values, width, height)}`);
  } catch {
    // A film, or a kind of picture this browser does not read.
  }
  return found;
}

function watch(place) {
  const chooser = place.querySelector("[data-marks-chooser]");
  const input = chooser?.querySelector("input");
  const field = place.querySelector("textarea");
  const status = place.querySelector("[data-marks-status]");
  if (!input || !field || !globalThis.crypto?.subtle) return;
  chooser.hidden = false;
  input.addEventListener("change", async () => {
    status.textContent = place.dataset.busy;
    const said = [];
    for (const file of input.files) {
      if (file.size > MOST_BYTES) {
        said.push(place.dataset.large);
        continue;
      }
      let found;
      try {
        found = await lines(file);
      } catch {
        // It was moved or deleted meanwhile, or lies where the browser may not read.
        said.push(place.dataset.unread);
        continue;
      }
      const known = new Set(field.value.split("\n").map((line) => line.trim()).filter(Boolean));
      found.forEach((line) => known.add(line));
      field.value = [...known].join("\n");
      said.push(found.length > 1 ? `${place.dataset.done} ${found[0].slice(0, 8)} …` : place.dataset.not);
    }
    // The chooser forgets which file it was: its name would stay in the page otherwise.
    input.value = "";
    status.textContent = said.join(" ");
  });
}

document.querySelectorAll("[data-marks]").forEach(watch);
