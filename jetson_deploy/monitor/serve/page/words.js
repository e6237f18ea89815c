// Values in people's words. Unknown is "-", never 0.

export const known = (value) => value !== null && value !== undefined;

export function number(value, digits = 0) {
  return known(value) ? value.toFixed(digits) : "-";
}

export function percent(ratio) {
  return known(ratio) ? `${(100 * ratio).toFixed(0)} %` : "-";
}

export function bytes(count) {
  if (!known(count)) return "-";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = count, unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${value.toFixed(unit > 2 && value < 100 ? 2 : 0)} ${units[unit]}`;
}

export function hertz(value) {
  if (!known(value)) return "-";
  return value >= 1e9 ? `${(value / 1e9).toFixed(2)} GHz` : `${(value / 1e6).toFixed(0)} MHz`;
}

export function duration(seconds) {
  if (!known(seconds)) return "-";
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  let left = Math.round(seconds);
  const said = [];
  for (const [size, unit] of parts) {
    if (left >= size && said.length < 2) { said.push(`${Math.floor(left / size)} ${unit}`); left %= size; }
  }
  return said.join(" ") || "0 s";
}

export function yesNo(value) {
  return known(value) ? (value ? "yes" : "no") : "-";
}

// Names come from the board, from the server and from whoever named a model: they become text, never markup.
export function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (known(text)) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export const put = (id, text) => {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
};
