// The gallery of answers: every photo with where it was taken, how sure that is, and the database images that say so.
// `data` is what report/answers/gallery.py has written; it has the columns of gallery.js, and confidences.

// From orange over violet to blue; what has no confidence is blue.
function colourOf(confidence, styles) {
  const stops = ["--low", "--middle", "--high"].map((name) => styles.getPropertyValue(name).trim());
  const place = confidence === null ? 2 : 2 * Math.min(1, Math.max(0, confidence));
  const low = Math.min(1, Math.floor(place));
  const [from, to] = [stops[low], stops[low + 1]].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return `rgb(${from.map((value, at) => Math.round(value + (to[at] - value) * (place - low))).join(" ")})`;
}

function metres(number) {
  if (number < 9.95) return `${number.toFixed(1)} m`;
  if (number < 999.5) return `${number.toFixed(0)} m`;
  return number < 9950 ? `${(number / 1000).toFixed(1)} km` : `${Math.round(number / 1000).toLocaleString("en")} km`;
}

class AnswerGallery extends Gallery {
  orders() {
    const { confidence, queries, error, apart, support } = this.data;
    const all = [...queries.keys()];
    const sure = (query) => confidence[query] ?? support[query];
    const off = (query) => error[query] ?? -1;
    return {
      name: all,
      sure: [...all].sort((a, b) => sure(b) - sure(a) || apart[a][0] - apart[b][0]),
      unsure: [...all].sort((a, b) => sure(a) - sure(b) || apart[b][0] - apart[a][0]),
      error: [...all].sort((a, b) => off(b) - off(a)),
    };
  }

  passes(query, wanted) {
    const known = Boolean(this.data.known[query]);
    return !wanted.outcome || (wanted.outcome === "answered") === known;
  }

  card(query) {
    const { data } = this;
    const place = data.map.queries[query];
    const head = element("header", {}, this.verdict(query));
    if (data.confidence[query] !== null) head.append(this.sureness(data.confidence[query]));
    if (data.error[query] !== null) head.append(element("span", { className: "tag", title: "from the answer to the position that the photo itself says" }, `truly ${metres(data.error[query])} off`));
    const button = element("button", { type: "button" }, "on the map");
    button.addEventListener("click", () => this.onMap(query));
    head.append(button);
    if (hasDegrees(place)) head.append(osm(place, "OpenStreetMap"));
    const row = element("div", { className: "row" }, this.photo("queries", query, "query", "photo"));
    data.found[query].forEach((image, rank) => row.append(this.prediction(query, image, rank)));
    const card = element("article", { className: "card", tabIndex: -1 }, head, row);
    card.append(element("p", { className: "soft" }, data.queries[query]));
    card.style.setProperty("--of", colourOf(data.confidence[query], getComputedStyle(this.cards)));
    card.dataset.query = query;
    return card;
  }

  // Coordinates that can be copied, and how far off they may be.
  verdict(query) {
    const { data } = this;
    const where = element("b", {}, data.where[query]);
    const told = data.expected[query] === null ? [] : [`, expected error ${metres(data.expected[query])}`];
    if (data.known[query]) return element("span", { className: "where" }, where, ...told);
    return element("span", { className: "where" }, element("b", { className: "unsure" }, "? unknown"), " best guess ", where, ...told);
  }

  sureness(confidence) {
    const bar = element("span", { className: "bar" }, element("i"));
    bar.firstChild.style.width = `${100 * confidence}%`;
    return element("span", { className: "sure", title: "confidence" }, bar, `confidence ${confidence.toFixed(2)}`);
  }

  prediction(query, image, rank) {
    const { data } = this;
    const apart = element("span", { className: "soft", title: "distance of the descriptors" }, data.apart[query][rank].toFixed(3));
    const far = element("span", { title: "from the answer" }, metres(data.metres[query][rank]));
    const kind = data.near[query][rank] ? "near" : "far";
    return this.photo("base", image, kind, `${rank + 1} `, osm(data.map.base[image], far), " ", apart);
  }
}
