// Helpers for all views: elements, colors, numbers, messages.

// h makes an element: h("button", {class: "main", onclick: f}, "text", child, …).
export function h(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key in e && typeof value !== "string") e[key] = value;
    else e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.flat(Infinity).filter(c => c !== null && c !== undefined && c !== false));
  return e;
}

export const $ = id => document.getElementById(id);

// spoken is a token's text with visible whitespace.
export function spoken(text) {
  return text.replace(/ /g, "·").replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/\r/g, "␍") || "∅";
}

// tok shows a token.
export const tok = text => h("span", { class: "tok" }, ...spoken(text).split(/([·⏎⇥␍]+)/).map(part => /^[·⏎⇥␍]/.test(part) ? h("span", { class: "ws" }, part) : part));

// percent formats a probability.
export function percent(p) {
  if (p === null || p === undefined) return "–";
  if (p >= 0.9995) return "100 %";
  if (p >= 0.1) return (100 * p).toFixed(1) + " %";
  if (p >= 0.0001) return (100 * p).toFixed(2) + " %";
  return p === 0 ? "0" : p.toExponential(1);
}

// figure formats a number with a few digits.
export function figure(x, digits = 3) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  const a = Math.abs(x);
  if (a !== 0 && (a < 0.001 || a >= 1e6)) return x.toExponential(2);
  return String(+x.toPrecision(Math.max(digits, Math.ceil(Math.log10(a + 1)))));
}

// many formats a count with a unit prefix: 1.2 M.
export function many(n) {
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (n >= size) return +(n / size).toPrecision(3) + " " + unit;
  return String(n);
}

export const bits = nats => nats === null || nats === undefined ? nats : nats / Math.LN2;

// dark reports whether the dark theme is shown.
export function dark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

const ramps = {
  hot: [[255, 196, 120, 0], [255, 180, 105, .5], [240, 105, 50, .7]],
  cool: [[130, 165, 245, 0], [120, 158, 245, .42], [70, 108, 225, .62]],
};

// heat is the color of a ramp at x in [0, 1], with an alpha that lets the background show through.
export function heat(x, ramp = "cool") {
  const stops = ramps[ramp], s = Math.min(Math.max(x, 0), 1) * (stops.length - 1), i = Math.min(Math.floor(s), stops.length - 2), f = s - i;
  const c = stops[i].map((v, k) => v + (stops[i + 1][k] - v) * f);
  if (dark()) c[3] *= .85;
  return `rgba(${c[0] | 0},${c[1] | 0},${c[2] | 0},${c[3].toFixed(3)})`;
}

// sided is a color for x in [−1, 1]: hot below 0, cool above.
export const sided = x => x < 0 ? heat(-x, "hot") : heat(x, "cool");

// paint fills a canvas of w × hgt pixels; shade gives the pixels' values, from 0 to 1.
export function paint(canvas, w, hgt, shade) {
  canvas.width = w;
  canvas.height = hgt;
  const c = canvas.getContext("2d"), image = c.createImageData(w, hgt), night = dark();
  const from = night ? [28, 31, 37] : [255, 255, 255], to = night ? [150, 178, 255] : [32, 60, 170];
  for (let i = 0; i < w * hgt; i++) {
    const f = Math.sqrt(shade(i)); // makes small weights visible
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = from[k] + (to[k] - from[k]) * f;
    image.data[4 * i + 3] = 255;
  }
  c.putImageData(image, 0, 0);
}

// trouble shows an error in one line until it is closed or cleared with null.
export function trouble(error) {
  if (error && error.name === "AbortError") return;
  const place = $("trouble");
  place.hidden = !error;
  if (!error) return place.replaceChildren();
  place.replaceChildren(h("span", {}, String(error.message || error)), h("button", { type: "button", onclick: () => trouble(null) }, "Close"));
}

// tip shows a tooltip at the pointer; an empty text hides it.
export function tip(event, text) {
  const place = $("tip");
  place.hidden = !text;
  if (!text) return;
  place.textContent = text;
  const box = place.getBoundingClientRect();
  place.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + "px";
  place.style.top = (event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 18) + "px";
}

// later debounces f: it is called after wait milliseconds without another call.
export function later(f, wait) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...args), wait);
  };
}
